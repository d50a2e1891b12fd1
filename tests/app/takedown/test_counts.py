"""Counts keep nothing of what is taken down, and stay right."""

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app.query.counts.dimensions import DIMENSIONS
from app.query.counts.models import ContributorRows, ContributorTotals, CountedFile
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from app.takedown.verify.verification import verify
from app.takedown.waiting import Waiting
from tests.app.takedown.lake import Lake, committing
from tests.app.versions.oracle import recorded_as_replaced
from tests.factories import make_received

AGENT = "an agent that one contribution names"
KEY = {"contributor_id": "ada", "conversation_id": "chat"}


def _take_down(lake: Lake, contribution_id: str) -> None:
    services = lake.services
    services.takedown.service.request(
        "contribution", [contribution_id], reason=None, requested_by="t"
    )
    with committing(services):
        services.takedown.service.run()


@pytest.mark.slow
@pytest.mark.both
def test_counts_of_files_go_with_the_names_in_them(lake: Lake) -> None:
    services, gone = lake.services, make_received(0, "gone", agent_id=AGENT)
    lake.commit(gone, make_received(0, "stays"))
    assert services.reading.summary_job().step() == 1
    ids = [UUID(gone.contribution_id)]
    places = [each.place for each in verify(services.settings, ids, AGENT).findings]
    assert any("counts" in place for place in places)
    _take_down(lake, gone.contribution_id)
    assert verify(services.settings, ids, AGENT).findings == set()
    assert services.reading.file_counts.paths() == set()
    assert services.reading.summary_job().step() == 1


def test_names_in_what_was_replaced_are_found_and_go_too(lake: Lake) -> None:
    services, gone = lake.services, make_received(0, "gone", agent_id=AGENT, **KEY)
    lake.commit(gone)
    lake.commit(make_received(0, "stays", **KEY))
    services.reading.summary_job().step()
    database = services.reading.file_counts.database
    with database.write() as connection:
        connection.execute(update(CountedFile).values(counts=b""))
    database.compact()
    ids = [UUID(gone.contribution_id)]
    places = [each.place for each in verify(services.settings, ids, AGENT).findings]
    assert any("file_counts" in place for place in places)
    _take_down(lake, gone.contribution_id)
    assert verify(services.settings, ids, AGENT).findings == set()


@pytest.mark.slow
def test_what_a_late_committer_says_was_replaced_is_erased_too(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, first = lake.services, make_received(0, "first", **KEY)
    lake.commit(first, make_received(0, "other"))
    wait = Waiting.wait_for_readers
    raced: list[dict[str, int]] = []

    def commit_and_wait(waiting: Waiting, until: float) -> None:
        if not raced:
            with monkeypatch.context() as patch:
                # It asked before the takedown was there.
                patch.setattr(services.access.taken_down, "among", lambda _: set())
                lake.commit(make_received(0, "second", **KEY))
            raced.append(recorded_as_replaced(services))
        wait(waiting, until)

    monkeypatch.setattr(Waiting, "wait_for_readers", commit_and_wait)
    _take_down(lake, first.contribution_id)
    assert raced == [{first.contribution_id: 2}]
    assert recorded_as_replaced(services) == {}
    view = services.reading.snapshots.view(Reference())
    assert services.reading.contributions.count(view, Filters()) == 2


@pytest.mark.both
def test_a_contributor_goes_from_the_index_with_all_that_it_sent(lake: Lake) -> None:
    services, contributor_id = lake.services, "c0de" * 8
    key = bytes.fromhex(contributor_id)
    lake.commit(make_received(0, contributor_id=contributor_id), make_received(0))
    services.reading.summary_job().step()
    assert key in _index_of_contributors(services)
    services.takedown.service.request(
        "contributor", [contributor_id], reason=None, requested_by="t"
    )
    with committing(services):
        services.takedown.service.run()
    assert key not in _index_of_contributors(services)
    database = services.reading.file_counts.database
    if database.is_sqlite:
        path = Path(str(database.url.database))
        files = (path, path.with_name(f"{path.name}-wal"))
        assert not any(key in file.read_bytes() for file in files if file.exists())


def _index_of_contributors(services: Services) -> bytes:
    with services.reading.file_counts.database.read() as connection:
        rows = connection.scalars(select(ContributorRows.sums)).all()
        totals = connection.scalars(select(ContributorTotals.sums)).all()
    return b" ".join(map(bytes, (*rows, *totals)))


@pytest.mark.slow
@pytest.mark.parametrize("all_versions", [True, False])
def test_counts_are_those_of_a_scan_before_and_after(lake: Lake, all_versions: bool) -> None:
    services, gone = lake.services, make_received(0, source="app", **KEY)
    later = make_received(1, source="app", conversation_id="other")
    lake.commit(gone, later, make_received(1))
    lake.commit(make_received(2, source="new", conversation_id="other"), make_received(2, **KEY))
    services.reading.summary_job().step()
    ids = [gone.contribution_id, later.contribution_id]
    services.takedown.service.request("contribution", ids, reason=None, requested_by="t")
    filters = Filters(all_versions=all_versions)
    for _ in range(2):
        view = services.reading.snapshots.view(Reference())
        for dimension in DIMENSIONS:
            summed = services.reading.statistics.count(view, filters, [dimension])
            assert summed == services.reading.statistics.count_each(view, filters, [dimension])
        services.takedown.service.run()
