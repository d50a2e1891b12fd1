"""Filling the index of versions, and the table `replaced`, from all rows of the raw table.

DuckDB sorts the versions, in bounded memory, so that the index is written from its first page to
its last. The index is emptied and filled in one transaction: whoever asks it meanwhile gets answers
from what it had before.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.state.db import Database
from app.state.derived import DerivedLost
from app.versions.index import StoredVersion, VersionIndex, add_rows, clear, set_watermark
from app.versions.keys import only_versions
from app.versions.recording import (
    VERSION_COLUMNS,
    VERSION_SCHEMA,
    ErasedVersions,
    commit_times,
    index_rows,
    replaced_table,
)
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.replaced import (
    REPLACED_IDENTIFIER,
    ReplacedWriter,
    replaced_files,
    replaced_until,
)
from catalog.schema import ID
from catalog.snapshots import newest_number, to_snapshot
from catalog.table import load_table

if TYPE_CHECKING:
    import duckdb

_ROWS_AT_A_TIME: Final = 50_000
_VERSIONS: Final = "CREATE TABLE versions AS FROM committed"
_SORTED: Final = """
    FROM versions ORDER BY conversation_id, content_hash, contribution_id, sequence_number
"""
# Of a version that an engine stored again, the first time counts. What was taken down may still be
# in the raw table, and is in both then.
FIND_REPLACED: Final = """
    SELECT contribution_id, replaced_by, replaced_in FROM (
        SELECT contribution_id,
            lead(contribution_id) OVER in_order AS replaced_by,
            lead(sequence_number) OVER in_order AS replaced_in
        FROM (
            SELECT conversation_id, contribution_id, min(sequence_number) AS sequence_number
            FROM versions GROUP BY ALL
        )
        WINDOW in_order AS (
            PARTITION BY conversation_id ORDER BY sequence_number, contribution_id
        )
    )
    WHERE replaced_in IS NOT NULL ORDER BY contribution_id
"""

OpenScratch = Callable[[], "AbstractContextManager[duckdb.DuckDBPyConnection]"]
"""Returns a connection to an empty database, which spills what doesn't fit into its memory."""


class VersionFilling:
    """Fills what is derived from the versions in the raw table, from its first row."""

    def __init__(
        self,
        index: VersionIndex,
        database: Database,
        catalog: Callable[[], Catalog],
        erased: ErasedVersions,
        open_scratch: OpenScratch,
    ) -> None:
        """Prepare to fill.

        Args:
            index: The index of versions.
            database: The database of the ledger, which tells when commits were made.
            catalog: Returns the catalog of the tables.
            erased: Knows what was taken down.
            open_scratch: Opens a database in which versions are sorted.
        """
        self._index = index
        self._database = database
        self._catalog = catalog
        self._erased = erased
        self._open_scratch = open_scratch

    def fill(self, *, is_replaced_anew: bool = False) -> int:
        """Append to `replaced` what it lacks, and then empty the index and fill it.

        Commits wait while the index is filled. When this is cut off, each of the two is as it was
        before, or as it is afterwards. It may be called again.

        Args:
            is_replaced_anew: Whether all rows of `replaced` are written anew, also those up to the
                commit up to which it says that it has all.

        Returns:
            How many versions the index has.

        Raises:
            QueryUnavailable: DuckDB failed, for example because its temporary disk is full.
            CommitConflict: Another commit to `replaced` came first.
        """
        # What is in these is replaced by what the raw table says, which has all of their commits.
        old = replaced_files(self._load_replaced())
        # What is committed after this table was loaded is recorded with the commit after it.
        table = load_table(self._catalog())
        with self._open_scratch() as scratch:
            load_versions(scratch, table, self._erased)
            if is_replaced_anew:
                self._replace_all(scratch, [file.path for file in old], newest_number(table))
            else:
                self._fill_replaced(scratch, newest_number(table))
            return self._fill_index(scratch, newest_number(table))

    def _fill_replaced(self, scratch: "duckdb.DuckDBPyConnection", number: int) -> None:
        table = self._load_replaced()
        recorded = replaced_until(table)
        if number <= recorded:
            return
        self._written(scratch, table, recorded).append(number)

    def _replace_all(
        self, scratch: "duckdb.DuckDBPyConnection", old: Sequence[str], number: int
    ) -> None:
        """Put all rows into the place of some files; those of later commits are in other files."""
        self._written(scratch, self._load_replaced(), after=0).replace(old, number)

    def _written(
        self, scratch: "duckdb.DuckDBPyConnection", table: Table, after: int
    ) -> ReplacedWriter:
        """Return a writer that has what commits after a sequence number replaced."""
        writer = ReplacedWriter(table)
        for batch in _batches(scratch, FIND_REPLACED):
            found = dict(zip(batch[ID].to_pylist(), _replacing(batch), strict=True))
            erased = self._erased.among(found)
            fresh = {
                each: by
                for each, by in found.items()
                if by.sequence_number > after and each not in erased
            }
            numbers = {by.sequence_number for by in fresh.values()}
            times = commit_times(self._database, numbers)
            writer.add(replaced_table(fresh, times, self._erased))
        return writer

    def _load_replaced(self) -> Table:
        return load_table(self._catalog(), REPLACED_IDENTIFIER)

    def _fill_index(self, scratch: "duckdb.DuckDBPyConnection", number: int) -> int:
        self._index.database.make_folder()
        try:
            return self._fill_once(scratch, number)
        except DerivedLost:
            # The damaged index has been removed, so a new one is filled.
            return self._fill_once(scratch, number)

    def _fill_once(self, scratch: "duckdb.DuckDBPyConnection", number: int) -> int:
        # An index that was lost appears with all versions: what an empty one doesn't have would
        # be taken for new.
        count = 0
        with self._index.writing() as connection:
            clear(connection)
            for batch in _batches(scratch, _SORTED):
                rows = index_rows(batch.cast(VERSION_SCHEMA), number)
                count += len(rows)
                if rows:
                    add_rows(connection, rows)
            set_watermark(connection, number)
        return count


def load_versions(
    scratch: "duckdb.DuckDBPyConnection", table: Table, erased: ErasedVersions
) -> None:
    """Create the table `versions` in a scratch database, with `VERSION_SCHEMA`.

    Args:
        scratch: The scratch database.
        table: The raw table, all versions of which are loaded.
        erased: Knows what was taken down, which counts as a version too.
    """
    stream = pa.RecordBatchReader.from_batches(VERSION_SCHEMA, _read(table, erased))
    scratch.register("committed", stream)
    scratch.execute(_VERSIONS)
    scratch.unregister("committed")


def _read(table: Table, known_erased: ErasedVersions) -> Iterator[pa.RecordBatch]:
    newest = table.current_snapshot()
    if newest is None:
        return
    snapshot = to_snapshot(newest)
    # After the table was loaded: whatever it lacks by then is in the list of those.
    erased = known_erased.committed(0, snapshot.sequence_number)
    batches = read(table, plan(table, snapshot), VERSION_COLUMNS)
    yield from map(only_versions, chain(batches, erased.to_batches()))


def _batches(scratch: "duckdb.DuckDBPyConnection", query: str) -> Iterator[pa.RecordBatch]:
    return iter(scratch.sql(query).to_arrow_reader(_ROWS_AT_A_TIME))


def _replacing(batch: pa.RecordBatch) -> Iterator[StoredVersion]:
    return map(StoredVersion, batch["replaced_in"].to_pylist(), batch["replaced_by"].to_pylist())
