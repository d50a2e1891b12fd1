"""The chunks of a snapshot: where they are cut, and which are computed together."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from app.curation.pipeline.chunks import (
    BEGINS_CHUNK,
    Chunk,
    ExcludedIds,
    QuerySize,
    queries,
    runs_of,
    survey,
)
from app.ingest.decoding.contributions import new_contribution_id
from app.services import Services
from catalog.records import Contribution
from catalog.snapshots import Snapshot
from catalog.table import load_table
from tests.batches import FEW_ROWS, scan_in_batches
from tests.factories import FIRST_DAY, commit_batch, make_contribution, make_received

LARGE = QuerySize(rows=1_000_000, size_bytes=2**40, runs=1_000)
MIDNIGHT = FIRST_DAY.replace(hour=0)
DAY = timedelta(days=1)


def ids(contributions: Sequence[Contribution] = ()) -> pa.Array:
    return pa.array(sorted(each.contribution_id for each in contributions), pa.large_string())


class Superseded:
    """Some superseded contributions, as `ReplacedAsOf` tells them."""

    def __init__(self, contributions: Sequence[Contribution] = ()) -> None:
        self._ids = ids(contributions)

    def near(self, _ids: pa.ChunkedArray) -> pa.Array:
        """Return all of them."""
        return self._ids


NOTHING = ExcludedIds(Superseded(), ids())


def surveyed(
    services: Services,
    snapshot: Snapshot,
    excluded: ExcludedIds = NOTHING,
    size: QuerySize = LARGE,
) -> list[Chunk]:
    return list(survey(load_table(services.catalog), snapshot, excluded, size))


def test_the_digest_of_a_chunk_is_that_of_its_ids_however_they_came(services: Services) -> None:
    made = [make_received(0), make_received(0), make_received(1)]
    older = commit_batch(services, made[1])
    newer = commit_batch(services, made[2], made[0])
    (before,) = surveyed(services, older)
    first, second = surveyed(services, newer)
    assert len({before.digest, first.digest, second.digest}) == 3
    excluded = ExcludedIds(Superseded(), ids([made[0]]))
    assert surveyed(services, newer, excluded)[0].digest == before.digest


def test_a_row_is_superseded_or_hidden_and_never_both(services: Services) -> None:
    made = [make_received(0) for _ in range(4)]
    snapshot = commit_batch(services, *made, make_received(1))
    excluded = ExcludedIds(Superseded(made[:2]), ids(made[1:3]))
    first, second = surveyed(services, snapshot, excluded)
    assert (first.superseded, first.hidden) == (2, 1)
    assert (first.raw_rows, first.rows) == (4, 1)
    assert (second.superseded, second.hidden) == (0, 0)


def at(second: int, tail: int) -> Contribution:
    """Return a contribution of a second after noon whose id ends in a hexadecimal number."""
    milliseconds = int((FIRST_DAY + timedelta(seconds=second)).timestamp() * 1000)
    id_ = UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | tail)
    return make_contribution(contribution_id=str(id_))


def lengths(found: Sequence[Chunk]) -> list[int]:
    return [chunk.raw_rows for chunk in found]


@pytest.mark.parametrize("batch_rows", FEW_ROWS)
def test_a_day_is_cut_before_the_moments_of_ids_with_an_ending(
    services: Services, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    scan_in_batches(monkeypatch, batch_rows)
    tails = {2: 0x4000, 3: 0x7000, 5: 0x8000, 6: 0x8001}
    rows = [at(second, tails.get(second, 0x1234)) for second in range(8)]
    # A later row of a moment begins a chunk as well, and no chunk begins within a moment.
    rows += [at(7, 0x10000), at(7, 0x5001), at(5, 0xC000)]
    snapshot = commit_batch(services, *rows[::-1])
    found = surveyed(services, snapshot)
    assert lengths(found) == [2, 3, 3, 3]
    seconds = [FIRST_DAY + timedelta(seconds=second) for second in (2, 5, 7)]
    assert [chunk.start for chunk in found] == [MIDNIGHT, *seconds]
    assert [chunk.end for chunk in found] == [*seconds, MIDNIGHT + DAY]


def test_a_day_that_begins_with_such_an_id_has_no_empty_chunk(services: Services) -> None:
    snapshot = commit_batch(services, at(0, 0x4000), at(1, 1))
    assert lengths(surveyed(services, snapshot)) == [2]


def test_a_row_that_comes_changes_one_chunk_or_divides_it(services: Services) -> None:
    rows = [at(second, 0x4000 if second % 4 == 0 else 1) for second in range(0, 40, 2)]
    before = {c.start: c.digest for c in surveyed(services, commit_batch(services, *rows))}
    later = {c.start: c.digest for c in surveyed(services, commit_batch(services, at(13, 0x1001)))}
    assert before.keys() == later.keys()
    assert [start for start in before if before[start] != later[start]] == [
        FIRST_DAY + timedelta(seconds=12)
    ]
    last = {c.start: c.digest for c in surveyed(services, commit_batch(services, at(22, 0x8000)))}
    assert last.keys() - later.keys() == {FIRST_DAY + timedelta(seconds=22)}
    assert [start for start in later if later[start] != last[start]] == [
        FIRST_DAY + timedelta(seconds=20)
    ]


def test_excluded_rows_begin_chunks_as_well(services: Services) -> None:
    rows = [at(second, 0x4000 if second == 4 else 1) for second in range(8)]
    snapshot = commit_batch(services, *rows)
    found = surveyed(services, snapshot, ExcludedIds(Superseded(), ids([rows[4]])))
    assert [(chunk.raw_rows, chunk.rows) for chunk in found] == [(4, 4), (4, 3)]


def test_a_chunk_holds_no_more_than_a_query(services: Services) -> None:
    rows = [
        at(second, 0x4000 * number if second == 5 else number)
        for second in range(10)
        for number in (1, 2)
    ]
    snapshot = commit_batch(services, *rows[:-1], at(9, 0x22))
    size = replace(LARGE, rows=5)
    assert lengths(surveyed(services, snapshot, size=size)) == [4, 4, 2, 4, 4, 2]
    whole = surveyed(services, snapshot)
    quarter = sum(chunk.size_bytes for chunk in whole) // 4
    assert lengths(surveyed(services, snapshot, size=replace(LARGE, size_bytes=quarter))) == [
        4,
        4,
        2,
        4,
        4,
        2,
    ]


def test_rows_of_one_moment_stay_together(services: Services) -> None:
    snapshot = commit_batch(services, *(at(0, tail) for tail in range(9)))
    assert lengths(surveyed(services, snapshot, size=replace(LARGE, rows=2))) == [9]


def test_a_random_id_in_16384_begins_a_chunk() -> None:
    ids = pa.array([new_contribution_id() for _ in range(100_000)])
    assert 1 <= pc.match_substring_regex(ids, BEGINS_CHUNK).true_count <= 20


@pytest.mark.parametrize(
    ("changed", "size", "expected"),
    [
        ({0, 1, 2, 3}, LARGE, [[0, 1, 2, 3]]),
        ({0, 1, 2, 3}, replace(LARGE, rows=4), [[0, 1], [2, 3]]),
        ({0, 1, 3}, LARGE, [[0, 1, 3]]),
        ({0, 2, 3}, replace(LARGE, runs=1), [[0], [2, 3]]),
        ({0, 1, 2, 3}, replace(LARGE, size_bytes=1), [[0], [1], [2], [3]]),
        ({2}, replace(LARGE, rows=1), [[2]]),
        (set(), LARGE, []),
    ],
)
def test_small_chunks_are_computed_together(
    services: Services, changed: set[int], size: QuerySize, expected: list[list[int]]
) -> None:
    snapshot = commit_batch(services, *(make_received(day) for day in range(4) for _ in range(2)))
    found = surveyed(services, snapshot)
    made = queries(found, {MIDNIGHT + each * DAY for each in changed}, size)
    assert [[(chunk.start - MIDNIGHT).days for chunk in query] for query in made] == expected


def test_a_chunk_of_which_nothing_is_computed_is_in_no_query(services: Services) -> None:
    rows = [make_received(day) for day in range(3)]
    found = surveyed(
        services, commit_batch(services, *rows), ExcludedIds(Superseded(rows[1:2]), ids())
    )
    (query,) = queries(found, {chunk.start for chunk in found}, LARGE)
    assert query == [found[0], found[2]]
    assert runs_of(query) == [(MIDNIGHT, MIDNIGHT + DAY), (MIDNIGHT + 2 * DAY, MIDNIGHT + 3 * DAY)]
    assert runs_of(found) == [(MIDNIGHT, MIDNIGHT + 3 * DAY)]
