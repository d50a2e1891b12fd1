"""Rows that are hidden from the reader of a view, by what reads it."""

from dataclasses import replace
from uuid import UUID

import pyarrow as pa
import pytest

from app.access.visibility.audience import MODERATORS, OPERATOR, PUBLIC
from app.query.contributions.reader import ContributionNotFound
from app.query.filters import Filters
from app.query.history.changes import START
from app.query.snapshots import Reference, SnapshotView
from app.services import Services
from catalog.reading.membership import NO_IDS
from catalog.records import Contribution
from tests.factories import UNGUESSABLE, commit_batch, hide, make_received

NOW = Reference()


@pytest.fixture
def versions(services: Services) -> list[Contribution]:
    """Three versions of a conversation, in commits of their own, of which the last is hidden."""
    made = [make_received(day, conversation_id=UNGUESSABLE) for day in range(3)]
    for version in made:
        commit_batch(services, version)
    hide(services, made[2].contribution_id)
    return made


def view_hiding(services: Services, *hidden: Contribution) -> SnapshotView:
    """Return a view that hides these contributions."""
    ids = pa.array(sorted(each.contribution_id for each in hidden), NO_IDS.type)
    return replace(services.reading.snapshots.view(NOW, OPERATOR), hidden=ids)


def test_a_view_hides_from_each_audience_what_it_may_not_see(
    services: Services, versions: list[Contribution]
) -> None:
    hidden = [versions[2].contribution_id]
    assert services.reading.snapshots.view(NOW, PUBLIC).hidden.to_pylist() == hidden
    assert services.reading.snapshots.view(NOW).hidden.to_pylist() == hidden
    assert services.reading.snapshots.view(NOW, MODERATORS).hidden.to_pylist() == []
    assert services.reading.snapshots.view(NOW, OPERATOR).hidden.to_pylist() == []


def test_the_version_that_a_hidden_one_replaced_does_not_come_back(
    services: Services, versions: list[Contribution]
) -> None:
    view = services.reading.snapshots.view(NOW)
    assert services.reading.contributions.count(view, Filters()) == 0
    assert services.reading.contributions.count(view, Filters(all_versions=True)) == 2
    lineage = services.reading.lineage.page(view, UUID(versions[0].contribution_id), 10, None)
    assert [each.contribution_id for each in lineage.versions] == [
        version.contribution_id for version in versions[:2]
    ]
    assert not any(each.is_current for each in lineage.versions)


def test_a_page_of_versions_goes_on_after_one_that_was_hidden_meanwhile(
    services: Services, versions: list[Contribution]
) -> None:
    first, second, third = versions
    page = services.reading.lineage.page(
        view_hiding(services, second), UUID(first.contribution_id), 1, second.contribution_id
    )
    assert [each.contribution_id for each in page.versions] == [third.contribution_id]


def test_a_hidden_contribution_is_not_found_by_its_id(
    services: Services, versions: list[Contribution]
) -> None:
    for find in (services.reading.contributions.get, services.reading.lineage.successor):
        with pytest.raises(ContributionNotFound):
            find(services.reading.snapshots.view(NOW), UUID(versions[2].contribution_id))


@pytest.mark.slow
def test_changes_pass_over_hidden_rows_and_fill_their_pages(services: Services) -> None:
    rows = [make_received(day) for day in range(9)]
    commit_batch(services, *rows[:5])
    commit_batch(services, *rows[5:])
    hide(services, *(row.contribution_id for row in rows[::2]))
    found, position = [], START
    while True:
        changes = services.reading.changes.read(NOW, position, 2)
        found.append(changes.rows["contribution_id"].to_pylist())
        position = changes.end
        if not changes.more:
            break
    assert found == [
        [row.contribution_id for row in rows[1:5:2]],
        [row.contribution_id for row in rows[5::2]],
    ]


def test_a_diff_leaves_out_hidden_rows_which_still_replace_others(
    services: Services, versions: list[Contribution]
) -> None:
    first, _, newest = (
        Reference(snapshot_id=snapshot.snapshot_id)
        for snapshot in reversed(services.reading.snapshots.page(3, None))
    )
    diff = services.reading.diffs.between(first, newest)
    assert (diff.added, diff.replaced) == (1, 1)
    rows = [row for batch in diff.rows for row in batch.to_pylist()]
    assert {row["contribution_id"]: row["replaced_by"] for row in rows} == {
        versions[0].contribution_id: versions[2].contribution_id,
        versions[1].contribution_id: versions[2].contribution_id,
    }
    assert services.reading.diffs.between(first, newest, audience=OPERATOR).added == 2
