"""Counts that are summed from those of files, against a scan and a record of what was committed."""

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from msgspec.structs import replace
from pyiceberg.table import Table
from pytest import MonkeyPatch

import catalog.reading.scan
from app.query.counts import rows as row_counts
from app.query.counts import summaries
from app.query.counts.dimensions import DIMENSIONS, Dimension
from app.query.counts.summaries import Summaries
from app.query.filters import Filters
from app.query.snapshots import Reference, SnapshotView
from app.services import Services
from catalog.reading.plans import DataFile
from catalog.schema import ID
from tests.factories import FIRST_DAY, commit_batch, hide, make_contribution_id, make_received
from tests.histories import SUBMITTERS, RandomHistory

DAY = FIRST_DAY.date()
CHAT = "c" * 32


def view_of(services: Services, **reference: Any) -> SnapshotView:
    return services.reading.snapshots.view(Reference(**reference))


def without_reading(monkeypatch: MonkeyPatch) -> None:
    """Make reading contributions fail."""

    def read(_table: Table, files: Iterable[DataFile], *_: object) -> Iterator[pa.RecordBatch]:
        for file in files:
            raise AssertionError(f"{file.path} was read")
        yield from ()

    for module in (catalog.reading.scan, summaries):
        monkeypatch.setattr(module, "read", read)


def assert_as_scanned(services: Services, view: SnapshotView, filters: Filters) -> None:
    by_day: list[list[Dimension]] = [["day", name] for name in DIMENSIONS if name != "day"]
    for chosen in (*([name] for name in DIMENSIONS), *by_day):
        summed = services.reading.statistics.count(view, filters, chosen)
        assert summed == services.reading.statistics.count_each(view, filters, chosen), chosen
    rows = sum(
        batch.num_rows for batch in services.reading.contributions.stream(view, filters, ["source"])
    )
    assert services.reading.contributions.count(view, filters) == rows


@pytest.mark.parametrize(
    ("filters", "by", "expected"),
    [
        (Filters(), ["source"], True),
        (Filters(day_from=DAY, all_versions=True), ["day", "rating"], True),
        (Filters(), ["day"], True),
        (Filters(), ["source", "rating"], False),
        (Filters(source="app"), ["source"], False),
        (Filters(q="text"), [], False),
        (Filters(labels=("a",)), [], False),
        (Filters(absent=frozenset({"source"})), [], False),
    ],
)
def test_days_and_one_dimension_can_be_summed(
    filters: Filters, by: list[Any], expected: bool
) -> None:
    assert Summaries.can_count(filters, by) is expected


@pytest.mark.slow
def test_a_counted_lake_is_summed_without_reading_it(
    services: Services, monkeypatch: MonkeyPatch
) -> None:
    commit_batch(services, make_received(0, conversation_id=CHAT), make_received(1))
    commit_batch(services, make_received(2, conversation_id=CHAT, source="other"))
    # Two files of the raw table for the first commit, one for the second, and one of `replaced`.
    assert services.reading.summary_job().step() == 4
    assert services.reading.summary_job().step() == 0
    without_reading(monkeypatch)
    view = view_of(services)
    stats = services.reading.statistics.count(view, Filters(), ["source"])
    assert stats.groups.to_pylist() == [
        {"source": "other", "contributions": 1, "turns": 2},
        {"source": None, "contributions": 1, "turns": 2},
    ]
    assert services.reading.contributions.count(view, Filters()) == 2


def with_compacted_replacements(services: Services) -> SnapshotView:
    """Fill a lake in which a file of `replaced` has rows of later commits than a snapshot has.

    Returns:
        The table as of that snapshot.
    """
    snapshots = [
        commit_batch(
            services,
            make_received(0, str(number), conversation_id=CHAT, source="ab"[number % 2]),
            make_received(1, source="c"),
        )
        for number in range(9)
    ]
    services.jobs.maintenance().compaction.compact_replaced()
    services.reading.summary_job().step()
    return view_of(services, snapshot_id=snapshots[4].snapshot_id)


@pytest.mark.both
@pytest.mark.slow
def test_an_older_snapshot_is_summed_though_files_of_replaced_have_later_rows(
    services: Services, monkeypatch: MonkeyPatch
) -> None:
    view = with_compacted_replacements(services)
    counted = [
        services.reading.statistics.count_each(view, Filters(), [name]) for name in DIMENSIONS
    ]
    assert services.reading.summaries.uncounted_rows(view, Filters()) == 0
    without_reading(monkeypatch)
    for name, expected in zip(DIMENSIONS, counted, strict=True):
        assert services.reading.statistics.count(view, Filters(), [name]) == expected


@pytest.mark.slow
def test_wrong_rows_of_a_file_of_replaced_are_found(services: Services) -> None:
    with_compacted_replacements(services)
    view, counts = view_of(services), services.reading.file_counts
    assert list(services.reading.summaries.wrong(view, counts.paths())) == []
    (path,) = counts.with_replaced_rows(counts.paths())
    known, rows = counts.of([path])[path], counts.replaced_rows(path)
    assert rows is not None
    place = rows.schema.get_field_index("source")
    for wrong in (rows[1:], rows.set_column(place, "source", rows["source"].sort())):
        counts.forget([path])
        counts.store({path: known}, {path: wrong})
        assert list(services.reading.summaries.wrong(view, counts.paths())) == [path]


@pytest.mark.slow
def test_a_file_is_read_once_by_a_process_if_nobody_has_counted_it(
    services: Services, monkeypatch: MonkeyPatch
) -> None:
    commit_batch(services, make_received(0), make_received(1))
    before = services.reading.statistics.count(view_of(services), Filters(), ["day"])
    without_reading(monkeypatch)
    assert services.reading.statistics.count(view_of(services), Filters(), ["day"]) == before


def test_files_that_are_gone_are_forgotten(services: Services) -> None:
    commit_batch(services, make_received(0), make_received(0))
    assert services.reading.summary_job().step() == 1
    (path,) = services.reading.file_counts.paths()
    services.reading.file_counts.store(
        {f"{path}.gone": services.reading.file_counts.of([path])[path]}
    )
    assert services.reading.summary_job().step() == 0
    assert services.reading.file_counts.paths() == {path}


def test_counting_stops_when_it_is_told_to_and_goes_on_later(services: Services) -> None:
    commit_batch(services, *(make_received(day) for day in range(3)))
    assert services.reading.summary_job().step(lambda: False) == 1
    assert len(services.reading.file_counts.paths()) == 1
    assert services.reading.summary_job().step() == 2


def test_a_dimension_with_too_many_values_is_counted_by_a_scan(
    services: Services, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(row_counts, "_MOST_VALUES", 2)
    commit_batch(services, *(make_received(0, source=name) for name in "abc"))
    services.reading.summary_job().step()
    counts = services.reading.file_counts.of(services.reading.file_counts.paths())
    assert {"source" in each.by for each in counts.values()} == {False}
    stats = services.reading.statistics.count(view_of(services), Filters(), ["source"])
    assert [row["source"] for row in stats.groups.to_pylist()] == ["a", "b", "c"]


@pytest.mark.slow
def test_hidden_contributions_are_not_counted_and_those_that_were_replaced_only_once(
    services: Services,
) -> None:
    replaced, hidden = make_received(0, conversation_id=CHAT), make_received(0, source="app")
    commit_batch(services, replaced, hidden, make_received(1))
    commit_batch(services, make_received(1, conversation_id=CHAT))
    ids = [replaced.contribution_id, hidden.contribution_id, make_contribution_id(9, 9)]
    services.moderation.service.put_into_quarantine(ids[:2], "test", None)
    services.reading.summary_job().step()
    view = view_of(services)
    assert services.reading.contributions.count(view, Filters()) == 2
    assert services.reading.contributions.count(view, Filters(all_versions=True)) == 2
    for all_versions in (True, False):
        assert_as_scanned(services, view, Filters(all_versions=all_versions))


@pytest.mark.slow
def test_a_hidden_row_with_an_id_that_no_server_made_is_not_counted(services: Services) -> None:
    foreign = replace(make_received(0), contribution_id="row 1 of another engine")
    commit_batch(services, foreign, make_received(0), make_received(1))
    hide(services, foreign.contribution_id)
    services.reading.summary_job().step()
    assert_as_scanned(services, view_of(services), Filters())
    assert services.reading.contributions.count(view_of(services), Filters()) == 2


@pytest.mark.slow
def test_any_snapshot_of_a_random_history_is_summed_as_it_is_scanned(services: Services) -> None:
    random = Random(8)  # noqa: S311  # a history, not a secret
    history = RandomHistory(services, random=random)
    for number in range(12):
        history.commit_some()
        history.maintain()
        if number % 3 == 2:
            services.reading.summary_job().step()
    hidden = [row.contribution.contribution_id for row in random.sample(history.rows, 5)]
    services.moderation.service.put_into_quarantine(hidden, "test", None)
    for snapshot in random.sample(history.snapshots, 2):
        view = view_of(services, snapshot_id=snapshot.snapshot_id)
        for filters in (Filters(), Filters(day_to=DAY), Filters(all_versions=True)):
            assert_as_scanned(services, view, filters)
        for contributor_id in filter(None, SUBMITTERS):
            own = Filters(contributor_id=contributor_id)
            shown = [
                row.contribution.contribution_id
                for row in history.selected(snapshot, own)
                if row.contribution.contribution_id not in hidden
            ]
            page = services.reading.contributions.page(view, own, 1_000, None, [ID])
            assert page.rows[ID].to_pylist() == shown
    indexing = services.reading.row_indexing
    assert list(indexing.wrong(view_of(services), indexing.paths())) == []
    assert list(indexing.wrong_totals()) == []
