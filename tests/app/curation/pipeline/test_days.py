"""The days of a snapshot, and how they are cut into parts and chunks."""

from collections.abc import Sequence
from datetime import timedelta

import pyarrow as pa
import pytest
from pyiceberg.table import Table

from app.curation.pipeline.days import ChunkSize, DayInput, ExcludedIds, chunks, survey
from app.services import Services
from catalog.records import Contribution
from catalog.snapshots import Snapshot
from catalog.table import load_table
from tests.batches import FEW_ROWS, scan_in_batches
from tests.factories import FIRST_DAY, commit_batch, make_received

DAY = FIRST_DAY.date()
LARGE = ChunkSize(rows=1_000_000, size_bytes=2**40)


def ids(contributions: Sequence[Contribution] = ()) -> pa.Array:
    return pa.array(sorted(each.contribution_id for each in contributions), pa.large_string())


NOTHING = ExcludedIds(ids(), ids())


def surveyed(
    services: Services, snapshot: Snapshot, excluded: ExcludedIds = NOTHING, size: ChunkSize = LARGE
) -> list[DayInput]:
    table: Table = load_table(services.catalog)
    return list(survey(table, snapshot, excluded, size))


def test_the_digest_of_a_day_is_that_of_its_ids_however_they_came(services: Services) -> None:
    made = [make_received(0), make_received(0), make_received(1)]
    older = commit_batch(services, made[1])
    newer = commit_batch(services, made[2], made[0])
    (before,) = surveyed(services, older)
    first, second = surveyed(services, newer)
    assert len({before.digest, first.digest, second.digest}) == 3
    excluded = ExcludedIds(ids(), ids([made[0]]))
    assert surveyed(services, newer, excluded)[0].digest == before.digest


def test_a_row_is_superseded_or_suppressed_and_never_both(services: Services) -> None:
    made = [make_received(0) for _ in range(4)]
    snapshot = commit_batch(services, *made, make_received(1))
    excluded = ExcludedIds(ids(made[:2]), ids(made[1:3]))
    first, second = surveyed(services, snapshot, excluded)
    assert (first.superseded, first.suppressed) == (2, 1)
    (part,) = first.parts
    assert (part.raw_rows, part.rows) == (4, 1)
    assert sorted(part.excluded.to_pylist()) == ids(made[:3]).to_pylist()
    assert (second.superseded, second.suppressed) == (0, 0)


def at_moments(count: int, each: int = 1) -> list[Contribution]:
    """Return contributions of one day: `each` of them at each of `count` moments."""
    return [
        make_received(0, received_at=FIRST_DAY + timedelta(seconds=second))
        for second in range(count)
        for _ in range(each)
    ]


@pytest.mark.parametrize("batch_rows", FEW_ROWS)
def test_a_huge_day_is_cut_between_moments(
    services: Services, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    scan_in_batches(monkeypatch, batch_rows)
    snapshot = commit_batch(services, *at_moments(10, each=3))
    (day,) = surveyed(services, snapshot, size=ChunkSize(rows=7, size_bytes=2**40))
    assert [part.raw_rows for part in day.parts] == [6, 6, 9, 6, 3]
    assert day.raw_rows == 30
    starts, ends = [part.start for part in day.parts], [part.end for part in day.parts]
    assert starts[1:] == ends[:-1]
    midnight = FIRST_DAY.replace(hour=0)
    assert (starts[0], ends[-1]) == (midnight, midnight + timedelta(days=1))


def test_rows_of_one_moment_stay_together(services: Services) -> None:
    snapshot = commit_batch(services, *at_moments(1, each=9))
    (day,) = surveyed(services, snapshot, size=ChunkSize(rows=2, size_bytes=2**40))
    assert [part.raw_rows for part in day.parts if part.raw_rows] == [9]


def test_a_day_of_large_rows_is_cut_into_fewer_of_them(services: Services) -> None:
    rows = at_moments(8)
    snapshot = commit_batch(services, *rows)
    (whole,) = surveyed(services, snapshot)
    half = whole.parts[0].size_bytes // 2 + 8
    (day,) = surveyed(services, snapshot, size=ChunkSize(rows=1_000, size_bytes=half))
    assert [part.raw_rows for part in day.parts] == [4, 4]


@pytest.mark.parametrize(
    ("changed", "rows", "expected"),
    [
        ({0, 1, 2, 3}, 100, [[0, 1, 2, 3]]),
        ({0, 1, 2, 3}, 4, [[0, 1], [2, 3]]),
        ({0, 1, 3}, 100, [[0, 1], [3]]),
        ({2}, 1, [[2]]),
        (set(), 100, []),
    ],
)
def test_small_days_are_computed_together_with_no_other_day_between(
    services: Services, changed: set[int], rows: int, expected: list[list[int]]
) -> None:
    snapshot = commit_batch(services, *(make_received(day) for day in range(4) for _ in range(2)))
    days = surveyed(services, snapshot)
    wanted = {DAY + timedelta(days=each) for each in changed}
    made = chunks(days, wanted, ChunkSize(rows=rows, size_bytes=2**40))
    found = [[(part.start.date() - DAY).days for part in chunk] for chunk in made]
    assert found == expected
