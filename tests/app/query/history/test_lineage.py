from uuid import UUID

import pytest

from app.query.contributions.reader import ContributionNotFound
from app.query.snapshots import Reference
from app.services import Services
from tests.factories import commit_batch, make_received

NAMED = {"contributor_id": "ada", "conversation_id": "chat-1"}
NOT_OURS = UUID("6b1f9a0e-4c1d-4a57-9c0e-2f6f1f0a7d11")


@pytest.mark.slow
def test_each_version_names_the_snapshot_that_added_it_and_the_last_is_current(
    services: Services,
) -> None:
    rows = [make_received(day, str(day), **NAMED) for day in range(3)]
    snapshots = [commit_batch(services, row, make_received(0)) for row in rows]
    for now in (2, 1):
        view = services.reading.snapshots.view(Reference(snapshot_id=snapshots[now].snapshot_id))
        for asked in rows[: now + 1]:
            page = services.reading.lineage.page(view, UUID(asked.contribution_id), 10, None)
            assert page.last_id is None
            found = [
                (version.contribution_id, version.snapshot_id, version.is_current)
                for version in page.versions
            ]
            assert found == [
                (rows[n].contribution_id, snapshots[n].snapshot_id, n == now)
                for n in range(now + 1)
            ]
            for version, row, snapshot in zip(page.versions, rows, snapshots, strict=False):
                assert version.received_at == row.received_at
                assert version.committed_at == snapshot.committed_at
                assert version.sequence_number == snapshot.sequence_number


def test_versions_come_in_pages(services: Services) -> None:
    rows = [make_received(0, str(number), **NAMED) for number in range(5)]
    commit_batch(services, *rows)
    view = services.reading.snapshots.view(Reference())
    asked = UUID(rows[3].contribution_id)
    found: list[str] = []
    after: str | None = None
    sizes = []
    while after is not None or not found:
        page = services.reading.lineage.page(view, asked, 2, after)
        found += [version.contribution_id for version in page.versions]
        sizes.append(len(page.versions))
        after = page.last_id
    assert found == [row.contribution_id for row in rows]
    assert sizes == [2, 2, 1]


def test_after_a_version_of_another_conversation_there_is_none(services: Services) -> None:
    row, other = make_received(0, **NAMED), make_received(0)
    commit_batch(services, row, other)
    view = services.reading.snapshots.view(Reference())
    page = services.reading.lineage.page(view, UUID(row.contribution_id), 2, other.contribution_id)
    assert (page.versions, page.last_id) == ([], None)


def test_an_unknown_contribution_has_no_versions(services: Services) -> None:
    with pytest.raises(ContributionNotFound):
        services.reading.lineage.page(
            services.reading.snapshots.view(Reference()), NOT_OURS, 10, None
        )
    before = commit_batch(services, make_received(0))
    later = make_received(0)
    commit_batch(services, later)
    view = services.reading.snapshots.view(Reference(snapshot_id=before.snapshot_id))
    with pytest.raises(ContributionNotFound):
        services.reading.lineage.page(view, UUID(later.contribution_id), 10, None)


def test_the_versions_before_several_contributions_are_found_at_once(services: Services) -> None:
    rows = [make_received(day, str(day), **NAMED) for day in range(3)]
    single = make_received(1)
    commit_batch(services, *rows, single)
    ids = [row.contribution_id for row in rows]
    view = services.reading.snapshots.view(Reference())
    asked = [ids[2], single.contribution_id, ids[0], str(NOT_OURS)]
    assert services.reading.lineage.superseded_by(view, asked) == {
        ids[2]: ids[:2],
        single.contribution_id: [],
        ids[0]: [],
    }


def test_the_latest_of_some_contributions_are_told_apart(services: Services) -> None:
    old, new = (make_received(day, str(day), **NAMED) for day in range(2))
    single = make_received(0, "alone")
    first = commit_batch(services, old, single)
    commit_batch(services, new)
    given = {row.contribution_id: row.conversation_id for row in (old, new, single)}
    view = services.reading.snapshots.view(Reference())
    latest = services.reading.lineage.latest(view, given)
    assert latest == {new.contribution_id, single.contribution_id}
    before = services.reading.snapshots.view(Reference(snapshot_id=first.snapshot_id))
    del given[new.contribution_id]
    assert services.reading.lineage.latest(before, given) == given.keys()
