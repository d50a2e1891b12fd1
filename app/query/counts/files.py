"""Counts of the rows of data files, kept so that no file is counted twice.

A data file never changes, so neither do its counts. They are derived: what isn't kept, or was lost,
is counted again. On SQLite they are in a file of their own, see `Database.derived`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from threading import Lock
from typing import Final

import msgspec
import pyarrow as pa
from cachetools import LRUCache
from sqlalchemy import ColumnElement, delete, select

from app.query.counts import replaced_rows
from app.query.counts.models import EVERY_TABLE, CountedFile, CountsBase
from app.query.counts.rows import RowCounts
from app.state.db import Database, insert_missing
from app.state.derived import DerivedLost
from app.state.parts import in_parts
from catalog.reading.plans import PlannedFile
from catalog.reading.scan import NO_ROWS, CandidateRows

_CACHE_BYTES: Final = 16 * 1024 * 1024
_STORED_AT_ONCE: Final = 50
"""Files whose counts are stored in one transaction."""
_NOTHING_REPLACED: Final[Mapping[str, pa.Table]] = {}

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
        # As bytes, since decoded ones take ten times the memory.
        self._cache: LRUCache[str, bytes] = LRUCache(_CACHE_BYTES, getsizeof=len)
        self._lock = Lock()

    def create(self) -> None:
        """Create the table, empty, unless it is there."""
        self.database.create_derived(CountsBase.metadata)

    def of(self, paths: Collection[str]) -> dict[str, RowCounts]:
        """Return the counts of those of some files of which they are known."""
        known = self._remembered(paths)
        for some in in_parts(path for path in paths if path not in known):
            known |= self._read(CountedFile.path.in_(some))
        return known

    def replaced_rows(self, path: str) -> pa.Table | None:
        """Return the contributions that a file of `replaced` names; None if they aren't known.

        Args:
            path: The path of the file.

        Returns:
            A table as `app.query.counts.replaced_rows` has it.
        """
        query = select(CountedFile.replaced).where(CountedFile.path == path)
        with suppress(DerivedLost), self.database.read() as connection:
            encoded = connection.scalar(query)
            return None if encoded is None else replaced_rows.decode(encoded)
        return None

    def with_replaced_rows(self, paths: Iterable[str]) -> set[str]:
        """Return those of some files of which `replaced_rows` knows the contributions."""
        has_rows = CountedFile.replaced.is_not(None)
        found = set[str]()
        with suppress(DerivedLost), self.database.read() as connection:
            for some in in_parts(paths):
                query = select(CountedFile.path).where(CountedFile.path.in_(some), has_rows)
                found.update(connection.scalars(query))
        return found

    def candidates(self, wanted: Mapping[str, str]) -> CandidateRows:
        """Return what leaves out the files that have no row with some values.

        The counts of the files of a folder, which are those of a day, are asked for together.

        Args:
            wanted: What files are counted by, each with the value that rows have.
        """

        @lru_cache(maxsize=1)
        def of_folder(folder: str) -> dict[str, RowCounts]:
            return self._read(CountedFile.folder == folder)

        def candidates(file: PlannedFile) -> pa.Array | None:
            known = self._remembered([file.path]) or of_folder(_folder_of(file.path))
            counts = known.get(file.path)
            if counts is None:
                return None
            is_out = any(counts.lacks(dimension, value) for dimension, value in wanted.items())
            return NO_ROWS if is_out else None

        return candidates

    def remember(self, path: str, counts: RowCounts) -> None:
        """Keep the counts of a file in the memory of this process."""
        self._remember(path, _encode(counts))

    def store(
        self, counts: Mapping[str, RowCounts], replaced: Mapping[str, pa.Table] = _NOTHING_REPLACED
    ) -> None:
        """Keep the counts of some files for all processes.

        Args:
            counts: The counts by the paths of the files.
            replaced: The contributions that those of them name which are files of `replaced`.
        """
        rows = [
            {
                "path": path,
                "folder": _folder_of(path),
                "counts": _encode(each),
                "replaced": replaced_rows.encode(replaced[path]) if path in replaced else None,
            }
            for path, each in counts.items()
        ]
        if rows:
            with self.database.write() as connection:
                connection.execute(insert_missing(connection, CountedFile), rows)

    def store_each(
        self,
        counted: Iterable[tuple[str, RowCounts, pa.Table | None]],
        goes_on: Callable[[], bool],
    ) -> int:
        """Keep the counts of files as these are counted, and return how many were.

        Args:
            counted: Counts one file after the other, and yields the path and the counts of each,
                and the contributions that a file of `replaced` names; None for other files.
            goes_on: Tells after each file whether to go on.
        """
        number, fresh, replaced = 0, dict[str, RowCounts](), dict[str, pa.Table]()
        for path, counts, rows in counted:
            fresh[path] = counts
            if rows is not None:
                replaced[path] = rows
            number += 1
            if len(fresh) == _STORED_AT_ONCE:
                self.store(fresh, replaced)
                fresh, replaced = {}, {}
            if not goes_on():
                break
        self.store(fresh, replaced)
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

    def _remembered(self, paths: Collection[str]) -> dict[str, RowCounts]:
        with self._lock:
            known = {path: self._cache[path] for path in paths if path in self._cache}
        return {path: _decode(encoded) for path, encoded in known.items()}

    def _read(self, condition: ColumnElement[bool]) -> dict[str, RowCounts]:
        """Return the counts of those files that meet a condition and are stored."""
        known = {}
        query = select(CountedFile.path, CountedFile.counts).where(condition)
        # Who asks counts what isn't known, and the process that keeps the counts makes them anew.
        with suppress(DerivedLost), self.database.read() as connection:
            for path, encoded in connection.execute(query):
                self._remember(path, encoded)
                known[path] = _decode(encoded)
        return known

    def _remember(self, path: str, encoded: bytes) -> None:
        with self._lock:
            if len(encoded) <= self._cache.maxsize:
                self._cache[path] = encoded


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]
