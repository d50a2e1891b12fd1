"""Counts of the rows of data files, kept so that no file is counted twice.

A data file never changes, so neither do its counts. They are derived: what isn't kept, or was lost,
is counted again. On SQLite they are in a file of their own, see `Database.derived`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from cachetools import LRUCache
from sqlalchemy import delete, select

from app.query.counts_models import EVERY_TABLE, CountedFile, CountsBase
from app.query.dimensions import DIMENSIONS, Dimension, columns_of, count_batch, turns_of
from app.state.db import Database, insert_missing
from app.state.derived import DerivedLost
from app.state.parts import in_parts
from catalog.plans import PlannedFile
from catalog.scan import NO_ROWS, CandidateRows

SUMMED: Final[tuple[Dimension, ...]] = tuple(
    name for name in DIMENSIONS if name not in {"day", "contributor_id"}
)
"""The dimensions that rows are counted by.

All rows of a file are of one day, and contributors have an index of their own.
"""
LANGUAGE: Final = "language"
"""The column by which rows of stages are counted, too."""
COUNTED_COLUMNS: Final = columns_of(SUMMED)
"""The columns and fields of turns that counting needs."""

_MOST_VALUES: Final = 1_000
"""Number of values of a dimension above which a file isn't counted by it."""
_CACHE_BYTES: Final = 16 * 1024 * 1024
_STORED_AT_ONCE: Final = 50
"""Files whose counts are stored in one transaction."""

Values = dict[str | None, tuple[int, int]]
"""For each value of a dimension the numbers of contributions and of turns."""


class RowCounts(msgspec.Struct, frozen=True):
    """Counts of some rows of the raw table, or of a stage.

    Attributes:
        contributions: Number of rows.
        turns: Number of their turns.
        by: Dimensions, each with its values: the value, the number of contributions with it, and
            that of turns. A dimension with too many values is missing. Counts of stages have some
            columns beside the dimensions.
    """

    contributions: int
    turns: int
    by: dict[str, list[tuple[str | None, int, int]]]

    def says(self, other: "RowCounts") -> bool:
        """Tell whether these counts are the other ones, whose values may come in another order."""
        return (self.contributions, self.turns, _in_order(self.by)) == (
            *(other.contributions, other.turns),
            _in_order(other.by),
        )

    def values_of(self, dimension: Dimension | None) -> list[tuple[str | None, int, int]] | None:
        """Return the values of a dimension with their numbers of contributions and of turns.

        Args:
            dimension: The dimension; None for all rows as one group without a value.

        Returns:
            The values; None if there are too many.
        """
        if dimension is None:
            return [(None, self.contributions, self.turns)]
        return self.by.get(dimension)

    def lacks(self, dimension: str, value: str) -> bool:
        """Tell whether no row has a value; False if there are too many values to know."""
        values = self.by.get(dimension)
        return values is not None and all(each != value for each, _, _ in values)


def _in_order(
    by: Mapping[str, list[tuple[str | None, int, int]]],
) -> dict[str, dict[str | None, tuple[int, int]]]:
    return {
        name: {value: (contributions, turns) for value, contributions, turns in values}
        for name, values in by.items()
    }


def add_up(parts: Iterable[RowCounts]) -> RowCounts:
    """Return the counts of several files of the raw table or of `replaced` together."""
    contributions = turns = 0
    by: dict[str, Values] = {name: {} for name in SUMMED}
    for part in parts:
        contributions += part.contributions
        turns += part.turns
        for name, values in list(by.items()):
            _add(values, part.by.get(name, ()))
            if name not in part.by or len(values) > _MOST_VALUES:
                del by[name]
    return RowCounts(contributions, turns, _listed(by))


def count_rows(batches: Iterable[pa.RecordBatch], names: Sequence[str] = SUMMED) -> RowCounts:
    """Count rows.

    Args:
        batches: Rows with `COUNTED_COLUMNS` at least.
        names: The dimensions, or other columns of texts, that rows are counted by.
    """
    contributions = turns = 0
    by: dict[str, Values] = {name: {} for name in names}
    for batch in batches:
        if not batch.num_rows:
            continue
        contributions += batch.num_rows
        turns += pc.sum(turns_of(batch)).as_py()
        for name, values in list(by.items()):
            _add(values, _values_of(batch, name))
            if len(values) > _MOST_VALUES:
                del by[name]
    return RowCounts(contributions, turns, _listed(by))


def _listed(by: Mapping[str, Values]) -> dict[str, list[tuple[str | None, int, int]]]:
    return {name: [(value, *sums) for value, sums in values.items()] for name, values in by.items()}


def _values_of(batch: pa.RecordBatch, name: str) -> Iterable[tuple[str | None, int, int]]:
    dimension = next((known for known in DIMENSIONS if known == name), None)
    if dimension is None:
        counted = pa.table({name: batch.column(name), "turns": turns_of(batch)})
    else:
        counted = pa.Table.from_batches([count_batch(batch, [dimension])])
    sums = counted.group_by(name, use_threads=False).aggregate(
        [("turns", "sum"), ([], "count_all")]
    )
    columns = (sums[each].to_pylist() for each in (name, "count_all", "turns_sum"))
    return zip(*columns, strict=True)


def _add(values: Values, more: Iterable[tuple[str | None, int, int]]) -> None:
    for value, contributions, turns in more:
        known = values.get(value, (0, 0))
        values[value] = known[0] + contributions, known[1] + turns


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(RowCounts).decode


class FileCounts:
    """Keeps the counts of data files, by the paths of these."""

    def __init__(self, database: Database) -> None:
        """Prepare to connect.

        Args:
            database: The database of the state, which on SQLite the counts lie beside.
        """
        self.database = database.derived("counts")
        self._is_own = self.database is not database
        self._cache: LRUCache[str, tuple[RowCounts, int]] = LRUCache(
            _CACHE_BYTES, getsizeof=lambda known: known[1]
        )
        self._lock = Lock()

    def create(self) -> None:
        """Create the table, empty, unless it is there."""
        self.database.create_derived(CountsBase.metadata)

    def of(self, paths: Collection[str]) -> dict[str, RowCounts]:
        """Return the counts of those of some files of which they are known."""
        with self._lock:
            known = {path: self._cache[path][0] for path in paths if path in self._cache}
        wanted = [path for path in paths if path not in known]
        if not wanted:
            return known
        # Who asks counts what isn't known, and the process that keeps the counts makes them anew.
        with suppress(DerivedLost), self.database.read() as connection:
            for some in in_parts(wanted):
                query = select(CountedFile.path, CountedFile.counts)
                for path, encoded in connection.execute(query.where(CountedFile.path.in_(some))):
                    known[path] = self._remember(path, _decode(encoded), len(encoded))
        return known

    def candidates(self, wanted: Mapping[str, str]) -> CandidateRows:
        """Return what leaves out the files that have no row with some values.

        Args:
            wanted: What files are counted by, each with the value that rows have.
        """

        def candidates(file: PlannedFile) -> pa.Array | None:
            counts = self.of([file.path]).get(file.path)
            if counts is None:
                return None
            is_out = any(counts.lacks(dimension, value) for dimension, value in wanted.items())
            return NO_ROWS if is_out else None

        return candidates

    def remember(self, path: str, counts: RowCounts) -> None:
        """Keep the counts of a file in the memory of this process."""
        self._remember(path, counts, len(_encode(counts)))

    def store(self, counts: Mapping[str, RowCounts]) -> None:
        """Keep the counts of some files for all processes."""
        rows = [{"path": path, "counts": _encode(each)} for path, each in counts.items()]
        if rows:
            with self.database.write() as connection:
                connection.execute(insert_missing(connection, CountedFile), rows)

    def store_each(
        self, counted: Iterable[tuple[str, RowCounts]], goes_on: Callable[[], bool]
    ) -> int:
        """Keep the counts of files as these are counted, and return how many were.

        Args:
            counted: Counts one file after the other, and yields the path and the counts of each.
            goes_on: Tells after each file whether to go on.
        """
        number, fresh = 0, dict[str, RowCounts]()
        for path, counts in counted:
            fresh[path] = counts
            number += 1
            if len(fresh) == _STORED_AT_ONCE:
                self.store(fresh)
                fresh = {}
            if not goes_on():
                break
        self.store(fresh)
        return number

    def keep_only(self, paths: Collection[str]) -> None:
        """Forget the counts of all files but some."""
        self.forget(self.paths().difference(paths))

    def paths(self) -> set[str]:
        """Return the paths of all files whose counts are stored.

        None are when the table was lost; it is there again, empty, afterwards.
        """
        try:
            with self.database.read() as connection:
                return set(connection.scalars(select(CountedFile.path)))
        except DerivedLost:
            self.create()
            return set()

    def forget(self, paths: Collection[str]) -> None:
        """Remove the counts of some files, such as those that are gone.

        The names in them may stay in SQLite's log for a while, and on PostgreSQL: see `erase`.
        """
        with self._lock:
            for path in paths:
                self._cache.pop(path, None)
        for some in in_parts(sorted(paths)):
            # What a process counted while a takedown was erased is forgotten after it.
            with self.database.write_erasing() as connection:
                connection.execute(delete(CountedFile).where(CountedFile.path.in_(some)))

    def erase(self) -> None:
        """Return once no page and no log of SQLite's, and no table of PostgreSQL's, has what went.

        That holds for all tables of the database of counts.

        Raises:
            SQLAlchemyError: PostgreSQL can't have the table to itself now.
            LogBusy: A reader needs SQLite's log for too long.
        """
        self.database.compact(*EVERY_TABLE)

    def dispose(self) -> None:
        """Close the connections, if they are its own."""
        if self._is_own:
            self.database.dispose()

    def _remember(self, path: str, counts: RowCounts, size_bytes: int) -> RowCounts:
        with self._lock:
            if size_bytes <= self._cache.maxsize:
                self._cache[path] = counts, size_bytes
        return counts
