from datetime import timedelta
from uuid import UUID

import pytest

from app.query.contributions.reader import ContributionNotFound
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from catalog.reading.scan import schema_of
from catalog.schema import ARROW_SCHEMA
from tests.factories import (
    commit_batch,
    make_contribution,
    make_contribution_id,
    make_received,
)

EVERYTHING = Filters()
NOT_OURS = UUID("6b1f9a0e-4c1d-4a57-9c0e-2f6f1f0a7d11")
BEYOND_THE_CALENDAR = UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")
LAST_OF_THE_CALENDAR = UUID("e677d21f-dbff-7000-8000-000000000000")


def test_an_empty_lake_reads_as_nothing(services: Services) -> None:
    view = services.reading.snapshots.view(Reference())
    assert list(services.reading.contributions.stream(view, EVERYTHING)) == []
    assert services.reading.contributions.count(view, EVERYTHING) == 0
    page = services.reading.contributions.page(view, EVERYTHING, 10, None)
    assert (page.rows.num_rows, page.last_id) == (0, None)
    assert page.rows.schema == ARROW_SCHEMA
    with pytest.raises(ContributionNotFound):
        services.reading.contributions.get(view, NOT_OURS)


@pytest.mark.both
def test_a_stream_has_the_schema_of_the_table_and_fills_in_sequence_numbers(
    services: Services,
) -> None:
    snapshots = [commit_batch(services, make_received(day), make_received()) for day in (0, 1)]
    view = services.reading.snapshots.view(Reference())
    batches = list(services.reading.contributions.stream(view, EVERYTHING))
    assert {batch.schema for batch in batches} == {ARROW_SCHEMA}
    found = [number for batch in batches for number in batch["sequence_number"].to_pylist()]
    assert sorted(found) == [number.sequence_number for number in snapshots for _ in range(2)]


@pytest.mark.slow
@pytest.mark.both
def test_pages_go_by_id_across_days_and_commits(services: Services) -> None:
    rows = [make_received(day % 4) for day in range(12)]
    commit_batch(services, *rows[6:])
    commit_batch(services, *rows[:6])
    view = services.reading.snapshots.view(Reference())
    expected = sorted(row.contribution_id for row in rows)
    first = services.reading.contributions.page(view, EVERYTHING, 7, None)
    assert first.rows["contribution_id"].to_pylist() == expected[:7]
    assert first.last_id == expected[6]
    second = services.reading.contributions.page(view, EVERYTHING, 7, first.last_id)
    assert second.rows["contribution_id"].to_pylist() == expected[7:]
    assert second.last_id is None


def test_a_page_that_ends_with_the_last_row_has_no_next(services: Services) -> None:
    commit_batch(services, make_received(), make_received())
    view = services.reading.snapshots.view(Reference())
    assert services.reading.contributions.page(view, EVERYTHING, 2, None).last_id is None


def test_a_page_reads_no_more_days_than_it_needs(services: Services) -> None:
    first = [make_received(0), make_received(0), make_received(0)]
    commit_batch(services, *first, make_received(1), make_received(2))
    view = services.reading.snapshots.view(Reference())
    last_day = (first[0].received_at + timedelta(days=2)).date().isoformat()
    files = view.table.inspect.files()["file_path"].to_pylist()
    (file_of_last_day,) = (file for file in files if last_day in file)
    view.table.io.delete(file_of_last_day)
    page = services.reading.contributions.page(view, Filters(all_versions=True), 2, None)
    assert page.rows["contribution_id"].to_pylist() == [row.contribution_id for row in first[:2]]


@pytest.mark.slow
def test_pages_go_against_the_order_of_ids_across_days_and_commits(services: Services) -> None:
    rows = [make_received(day % 4) for day in range(12)]
    commit_batch(services, *rows[6:])
    commit_batch(services, *rows[:6])
    view = services.reading.snapshots.view(Reference())
    expected = sorted((row.contribution_id for row in rows), reverse=True)
    first = services.reading.contributions.page(view, EVERYTHING, 7, None, newest_first=True)
    assert first.rows["contribution_id"].to_pylist() == expected[:7]
    assert first.last_id == expected[6]
    second = services.reading.contributions.page(
        view, EVERYTHING, 7, first.last_id, newest_first=True
    )
    assert second.rows["contribution_id"].to_pylist() == expected[7:]
    assert second.last_id is None


def test_the_newest_page_reads_no_older_day_than_it_needs(services: Services) -> None:
    last = [make_received(2), make_received(2), make_received(2)]
    commit_batch(services, make_received(0), make_received(1), *last)
    view = services.reading.snapshots.view(Reference())
    for file in view.table.inspect.files()["file_path"].to_pylist():
        if last[0].received_at.date().isoformat() not in file:
            view.table.io.delete(file)
    page = services.reading.contributions.page(
        view, Filters(all_versions=True), 2, None, newest_first=True
    )
    assert page.rows["contribution_id"].to_pylist() == [
        row.contribution_id for row in reversed(last[1:])
    ]


@pytest.mark.slow
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_page_opens_no_more_files_of_a_day_than_it_needs(
    services: Services, *, newest_first: bool
) -> None:
    """A day that isn't compacted yet has a file for each commit, which its ids tell apart."""
    minutes = [
        [make_contribution(contribution_id=make_contribution_id(minute / 1440)) for _ in range(2)]
        for minute in range(4)
    ]
    for rows in minutes:
        commit_batch(services, *rows)
    view = services.reading.snapshots.view(Reference())
    # The last row that is looked for, which tells whether there is another page, is in the second.
    kept = view.files()[2:] if newest_first else view.files()[:2]
    for file in view.files():
        if file not in kept:
            view.table.io.delete(file.path)
    page = services.reading.contributions.page(
        view, Filters(all_versions=True), 2, None, newest_first=newest_first
    )
    expected = minutes[-1][::-1] if newest_first else minutes[0]
    assert page.rows["contribution_id"].to_pylist() == [row.contribution_id for row in expected]
    assert page.last_id == expected[-1].contribution_id


def test_rows_have_the_columns_that_were_asked_for_in_their_order(services: Services) -> None:
    row = make_received(source="app")
    commit_batch(services, row)
    view = services.reading.snapshots.view(Reference())
    columns = ["source", "received_at"]
    expected = [{"source": "app", "received_at": row.received_at}]
    page = services.reading.contributions.page(view, EVERYTHING, 1, None, columns)
    found = services.reading.contributions.get(view, UUID(row.contribution_id), columns)
    (batch,) = services.reading.contributions.stream(view, EVERYTHING, columns)
    for rows in (page.rows, found, batch):
        assert rows.schema == schema_of(columns)
        assert rows.to_pylist() == expected


def test_filters_may_use_columns_that_are_not_read(services: Services) -> None:
    commit_batch(services, make_received(0, "yes", source="a"), make_received(0, "no", source="b"))
    filters = Filters(q="YES")
    view = services.reading.snapshots.view(Reference())
    batches = services.reading.contributions.stream(view, filters, ["source"])
    assert [row for batch in batches for row in batch.to_pylist()] == [{"source": "a"}]
    page = services.reading.contributions.page(view, filters, 10, None, ["source"])
    assert page.rows.to_pylist() == [{"source": "a"}]


def test_a_stream_without_matches_yields_empty_batches(services: Services) -> None:
    commit_batch(services, *(make_received(day) for day in range(3)))
    batches = services.reading.contributions.stream(
        services.reading.snapshots.view(Reference()), Filters(q="none such")
    )
    assert [batch.num_rows for batch in batches] == [0, 0, 0]


@pytest.mark.slow
@pytest.mark.both
def test_a_contribution_is_found_by_its_id_whether_replaced_or_not(services: Services) -> None:
    versions = [
        make_received(day, contributor_id="ada", conversation_id="chat-1") for day in (0, 1)
    ]
    for version in versions:
        commit_batch(services, version)
    view = services.reading.snapshots.view(Reference())
    for version in versions:
        row = services.reading.contributions.get(view, UUID(version.contribution_id)).to_pylist()
        assert [found["contribution_id"] for found in row] == [version.contribution_id]


def test_a_contribution_is_not_found_before_its_snapshot(services: Services) -> None:
    before = commit_batch(services, make_received())
    later = make_received()
    commit_batch(services, later)
    view = services.reading.snapshots.view(Reference(snapshot_id=before.snapshot_id))
    with pytest.raises(ContributionNotFound) as caught:
        services.reading.contributions.get(view, UUID(later.contribution_id))
    assert caught.value.contribution_id == later.contribution_id


@pytest.mark.parametrize(
    "unknown", [NOT_OURS, BEYOND_THE_CALENDAR, LAST_OF_THE_CALENDAR, UUID(int=0)]
)
def test_an_id_that_nothing_has_is_not_found(services: Services, unknown: UUID) -> None:
    commit_batch(services, make_received())
    with pytest.raises(ContributionNotFound):
        services.reading.contributions.get(services.reading.snapshots.view(Reference()), unknown)


def test_several_contributions_are_found_by_their_ids_and_unknown_ones_left_out(
    services: Services,
) -> None:
    made = [make_received(day) for day in (0, 0, 40)]
    commit_batch(services, *made, make_received(20))
    view = services.reading.snapshots.view(Reference())
    ids = [each.contribution_id for each in made]
    unknown = map(str, (NOT_OURS, BEYOND_THE_CALENDAR, LAST_OF_THE_CALENDAR))
    found = services.reading.contributions.find(
        view, [*reversed(ids), *unknown], ["contribution_id"]
    )
    assert found["contribution_id"].to_pylist() == ids
    assert services.reading.contributions.find(view, [], ["contribution_id"]).num_rows == 0
