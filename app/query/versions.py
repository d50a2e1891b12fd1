"""Which rows of a snapshot were replaced by a later version.

A version replaces the earlier ones of the same (submitter_id, ingest_id). The newest is that of
the newest commit, and within a commit that of the newest contribution_id.

The raw table only grows, so a row that is replaced stays so: one number, the sequence number of the
commit that replaced it, tells for every snapshot whether it had been by then. These numbers are
worked out once for each row. A newer snapshot costs the reading of the keys that it added, and an
older one, thinned or not, nothing.

What is worked out serves every reader, so it is nobody's to stop: one thread does it, and readers
wait for that thread for as long as they like.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import pyarrow as pa
from cachetools import LRUCache
from pyiceberg.table import Table

from app.query.scratch import open_scratch
from app.query.snapshots import SnapshotView
from catalog.checkpoints import POLL_S, checkpoint
from catalog.errors import LakeError
from catalog.membership import NO_IDS
from catalog.scan import plan, read, schema_of
from catalog.snapshots import Snapshot

if TYPE_CHECKING:
    import duckdb

_KEY_COLUMNS: Final = ("contribution_id", "submitter_id", "ingest_id", "sequence_number")
_REMEMBERED_SNAPSHOTS: Final = 8
# Ids hold no control character, so no two keys are the same text. 128 bits of it are as good as
# the text, and take a third of the memory.
_TABLES: Final = """
    CREATE MACRO key_of(submitter_id, ingest_id) AS
        md5_number(coalesce(submitter_id || chr(0), '') || ingest_id);
    CREATE TABLE versions (key UHUGEINT, contribution_id UUID, sequence_number BIGINT);
    CREATE TABLE replaced (contribution_id UUID, replaced_at BIGINT);
"""
_FRESH: Final = """
    CREATE TEMP TABLE fresh AS
    SELECT key_of(submitter_id, ingest_id) AS key, contribution_id::UUID AS contribution_id,
        sequence_number
    FROM fresh_rows WHERE sequence_number > $known
"""
_RECORD: Final = """
    INSERT INTO replaced
    FROM (
        SELECT contribution_id, lead(sequence_number) OVER (
            PARTITION BY key ORDER BY sequence_number, contribution_id
        ) AS replaced_at
        FROM versions SEMI JOIN fresh USING (key)
    )
    WHERE replaced_at > $known
"""
_REPLACED: Final = """
    SELECT contribution_id::VARCHAR AS contribution_id FROM replaced
    WHERE replaced_at <= $sequence_number ORDER BY ALL
"""
_VERSIONS: Final = """
    SELECT contribution_id::VARCHAR AS contribution_id, sequence_number FROM versions
    WHERE key = key_of($submitter_id::VARCHAR, $ingest_id)
        AND sequence_number <= $sequence_number
    ORDER BY sequence_number, contribution_id
"""

P = ParamSpec("P")
T = TypeVar("T")


class VersionsUnavailable(LakeError):
    """Which versions were replaced can't be worked out now, as when its disk is full."""

    def __init__(self, snapshot_id: int) -> None:
        super().__init__(f"the replaced versions of snapshot {snapshot_id} can't be worked out now")
        self.snapshot_id = snapshot_id


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a conversation.

    Attributes:
        contribution_id: The contribution.
        sequence_number: Of the commit that added it.
    """

    contribution_id: str
    sequence_number: int


class Versions:
    """Knows the versions of every conversation, and which of them were replaced when."""

    def __init__(self, memory_mib: int) -> None:
        """Use up to this much memory for the keys of the lake; DuckDB spills what is more."""
        self._memory_mib = memory_mib
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._known = 0
        self._cache: LRUCache[int, pa.Array] = LRUCache(_REMEMBERED_SNAPSHOTS)
        self._caching = Lock()
        # One thread, which alone uses the connection: more would hold as much memory each.
        self._worker = ThreadPoolExecutor(1, "versions")

    def replaced_in(self, view: SnapshotView) -> pa.Array:
        """Return the contribution_ids of a view that a later version replaced, ascending.

        A view of an empty lake has none.

        Raises:
            VersionsUnavailable: DuckDB failed.
        """
        return self.replaced(view.table, view.snapshot) if view.snapshot else NO_IDS

    def replaced(self, table: Table, snapshot: Snapshot) -> pa.Array:
        """Return the contribution_ids of the versions that a later one replaced, ascending.

        Raises:
            VersionsUnavailable: DuckDB failed.
        """
        known = self._remembered(snapshot)
        return known if known is not None else self._wait_for(self._work_out, table, snapshot)

    def of(
        self, table: Table, snapshot: Snapshot, submitter_id: str | None, ingest_id: str
    ) -> list[Version]:
        """Return every version of a conversation as of a snapshot; each replaced the one before.

        Raises:
            VersionsUnavailable: DuckDB failed.
        """
        key = {"submitter_id": submitter_id, "ingest_id": ingest_id}
        found = self._wait_for(self._query, table, snapshot, _VERSIONS, **key)
        return [Version(**row) for row in found.to_pylist()]

    def close(self) -> None:
        """Forget everything; it is worked out again when it is asked for."""
        with self._caching:
            self._cache.clear()
        self._worker.submit(self._forget).result()

    def _wait_for(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of work on the one thread; every moment of the wait is a checkpoint."""
        future = self._worker.submit(work, *args, **kwargs)
        try:
            while not wait([future], POLL_S).done:
                checkpoint()
        finally:
            # What has begun goes on to its end.
            future.cancel()
        return future.result()

    def _remembered(self, snapshot: Snapshot) -> pa.Array | None:
        with self._caching:
            return self._cache.get(snapshot.snapshot_id)

    def _work_out(self, table: Table, snapshot: Snapshot) -> pa.Array:
        known = self._remembered(snapshot)
        if known is None:
            found = self._query(table, snapshot, _REPLACED)
            known = found.column(0).combine_chunks()
            with self._caching:
                self._cache[snapshot.snapshot_id] = known
        return known

    def _query(
        self, table: Table, snapshot: Snapshot, query: str, **parameters: str | None
    ) -> pa.Table:
        """Ask about a snapshot, after taking in what was added up to it."""
        import duckdb  # noqa: PLC0415  # as in app.query.scratch: not at the start

        number = snapshot.sequence_number
        try:
            connection = self._connection = self._connection or self._connect()
            if number > self._known:
                _take_in(connection, table, snapshot, self._known)
                self._known = number
            asked = connection.sql(query, params={"sequence_number": number, **parameters})
            return asked.to_arrow_table()
        except duckdb.Error as error:
            # Half of it may have been taken in, so the next reader begins anew.
            self._forget()
            raise VersionsUnavailable(snapshot.snapshot_id) from error

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._known = None, 0

    def _connect(self) -> "duckdb.DuckDBPyConnection":
        connection = open_scratch(self._memory_mib)
        connection.execute(_TABLES)
        return connection


def _take_in(
    connection: "duckdb.DuckDBPyConnection", table: Table, snapshot: Snapshot, known: int
) -> None:
    """Record the versions that were added since the commit `known`, and what they replaced."""
    files = [file for file in plan(table, snapshot) if file.last_sequence_number > known]
    rows = pa.RecordBatchReader.from_batches(
        schema_of(_KEY_COLUMNS), read(table, files, _KEY_COLUMNS)
    )
    connection.register("fresh_rows", rows)
    connection.execute(_FRESH, {"known": known})
    connection.execute("INSERT INTO versions FROM fresh")
    connection.execute(_RECORD, {"known": known})
    connection.execute("DROP TABLE fresh")
    connection.unregister("fresh_rows")
