"""The index of the rows of stages: where in their data files contributors and contents are.

The files of the newest build of each stage are indexed. A file never changes, so neither does what
the index has of it. A file that isn't in the index is read. Nothing is summed, so a row takes 8
bytes for each column.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Final, Literal

import pyarrow as pa
from pyiceberg.catalog import Catalog
from sqlalchemy import Connection, Select, delete, insert, select, text

from app.query.counts.models import StageIndexFile, StageRows
from app.query.row_index.index import RowIndex, place_of
from app.query.row_index.positions import BUCKETS, bucket_of, gather, positions_in
from app.state.derived import DerivedLost
from catalog.reading.scan import NO_ROWS, CandidateRows
from catalog.stages.files import StageFile
from catalog.stages.reader import StageReader, newest_builds

IndexedColumn = Literal["contributor_id", "content_hash"]
"""A column whose values are found by the index."""

_COLUMNS: Final[tuple[IndexedColumn, ...]] = ("contributor_id", "content_hash")
_PLACES: Final = range(len(_COLUMNS) * len(BUCKETS))
"""The buckets of the first column, and then those of the second."""
_WITH_VALUES: Final = text(
    "SELECT path, entries FROM stage_index_files LEFT JOIN stage_rows ON place = :first + number"
)


class StageRowIndex:
    """Tells the rows of contributors and contents in the files of the stages."""

    def __init__(self, index: RowIndex, catalog: Callable[[], Catalog]) -> None:
        """Use the database of an index.

        Args:
            index: The index of the rows of the raw table, beside which it lies.
            catalog: Returns the catalog with the tables of the stages.
        """
        self._index = index
        self._catalog = catalog

    def rows_with(self, column: IndexedColumn, value: str) -> CandidateRows:
        """Return what tells in which rows of a data file a column may have a value."""
        bucket = _COLUMNS.index(column) * len(BUCKETS) + bucket_of(value)
        known: dict[str, pa.Array] = {}
        with suppress(DerivedLost), self._index.reading() as connection:
            for path, entries in connection.execute(_WITH_VALUES, {"first": place_of(bucket, 0)}):
                known[path] = NO_ROWS if entries is None else positions_in(entries, value)
        return lambda file: known.get(file.path)

    def keep_up(self, goes_on: Callable[[], bool]) -> int:
        """Index the files of the newest builds, and forget other files.

        Args:
            goes_on: Tells after each file whether to go on.

        Returns:
            How many files were indexed.
        """
        files = self._newest_files()
        known = self.paths()
        if known - files.keys():
            self._forget(files)
        indexed = 0
        for path in files.keys() - known:
            rows = _gather(*files[path])
            with self._index.writing() as connection:
                _add(connection, path, rows)
            indexed += 1
            if not goes_on():
                break
        return indexed

    def forget_others(self) -> None:
        """Forget all files but those of the newest builds."""
        # Whoever finds the database damaged removes it, so that nothing is left to forget.
        with suppress(DerivedLost):
            self._forget(self._newest_files())

    def clear(self) -> None:
        """Forget everything."""
        self._forget(())

    def paths(self) -> set[str]:
        """Return the paths of all files that are indexed."""
        with self._index.reading() as connection:
            return set(connection.scalars(select(StageIndexFile.path)))

    def wrong(self, paths: Collection[str]) -> Iterator[str]:
        """Yield the paths of those of some indexed files of which the index is wrong.

        Args:
            paths: The paths; those that no newest build has are left out.
        """
        files = self._newest_files()
        for path in sorted(files.keys() & paths):
            with self._index.reading() as connection:
                number = connection.scalar(_number_of(path))
                found = {} if number is None else _rows_of(connection, number)
            # Without a number, it was replaced meanwhile.
            if number is not None and found != _gather(*files[path]):
                yield path

    def _newest_files(self) -> Mapping[str, tuple[StageReader, StageFile]]:
        return {
            file.path: (reader, file)
            for reader in newest_builds(self._catalog())
            for file in reader.files()
        }

    def _forget(self, but: Collection[str]) -> None:
        """Forget all files except some."""
        with self._index.writing() as connection:
            files = select(StageIndexFile.path, StageIndexFile.number)
            for path, number in connection.execute(files).all():
                if path not in but:
                    of_file = StageRows.place.in_([place_of(each, number) for each in _PLACES])
                    connection.execute(delete(StageRows).where(of_file))
                    named = StageIndexFile.number == number
                    connection.execute(delete(StageIndexFile).where(named))


def _number_of(path: str) -> Select[int]:
    return select(StageIndexFile.number).where(StageIndexFile.path == path)


def _gather(reader: StageReader, file: StageFile) -> dict[int, bytes]:
    """Return the positions of the values of a file, by the columns' buckets."""
    batches = list(reader.select([file], _COLUMNS))
    return {
        place * len(BUCKETS) + bucket: entries
        for place, column in enumerate(_COLUMNS)
        for bucket, entries in gather(batch[column] for batch in batches).items()
    }


def _rows_of(connection: Connection, number: int) -> dict[int, bytes]:
    """Return what the index has of a file, as `_gather` does."""
    places = {place_of(each, number): each for each in _PLACES}
    rows = select(StageRows.place, StageRows.entries).where(StageRows.place.in_(places))
    return {places[place]: entries for place, entries in connection.execute(rows)}


def _add(connection: Connection, path: str, rows: Mapping[int, bytes]) -> None:
    """Add a file, unless it is there."""
    if connection.scalar(_number_of(path)) is not None:
        return
    added = insert(StageIndexFile).returning(StageIndexFile.number)
    number = connection.execute(added, {"path": path}).scalar_one()
    values = [
        {"place": place_of(bucket, number), "entries": entries} for bucket, entries in rows.items()
    ]
    if values:
        connection.execute(insert(StageRows), values)
