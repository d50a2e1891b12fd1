"""Versions of conversations: which contributions of a snapshot a later version superseded.

A version replaces the earlier ones of its conversation_id. The latest version is the one of the
newest commit, and within a commit the one with the highest contribution_id.

A contribution that was erased from the table still counts as a version, so that what it superseded
doesn't come back. What was superseded once stays superseded. For each of these rows, the sequence
number of the commit that superseded it tells for every snapshot whether the row had been superseded
by then. DuckDB computes these numbers once. For a newer snapshot, only the keys that it added are
read; for an older one, thinned or not, nothing is read.

All readers share this work, so no reader may stop it. It is done by one thread; a reader that
leaves only stops waiting for that thread.
"""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final, ParamSpec, Protocol, TypeVar

import pyarrow as pa
from cachetools import LRUCache
from pyiceberg.table import Table

from app.query.scratch import open_scratch
from app.query.snapshots import SnapshotView
from catalog.checkpoints import POLL_S, checkpoint
from catalog.errors import Unavailable
from catalog.membership import NO_IDS
from catalog.scan import plan, read, schema_of
from catalog.snapshots import Snapshot

if TYPE_CHECKING:
    import duckdb

_KEY_COLUMNS: Final = ("contribution_id", "conversation_id", "sequence_number")
_REMEMBERED_SNAPSHOTS: Final = 8
# 128 bits of an id's hash are as good as the id, and take a third of the memory.
_TABLES: Final = """
    CREATE TABLE versions (key UHUGEINT, contribution_id UUID, sequence_number BIGINT);
    CREATE TABLE superseded (contribution_id UUID, superseded_at BIGINT);
"""
_FRESH: Final = """
    CREATE TEMP TABLE fresh AS
    SELECT md5_number(conversation_id) AS key, contribution_id::UUID AS contribution_id,
        sequence_number
    FROM fresh_rows WHERE sequence_number > $known
"""
_ADD_ERASED: Final = """
    INSERT INTO fresh
    SELECT md5_number(conversation_id), contribution_id::UUID, sequence_number
    FROM erased ANTI JOIN fresh ON erased.contribution_id::UUID = fresh.contribution_id
"""
_RECORD: Final = """
    INSERT INTO superseded
    FROM (
        SELECT contribution_id, lead(sequence_number) OVER (
            PARTITION BY key ORDER BY sequence_number, contribution_id
        ) AS superseded_at
        FROM versions SEMI JOIN fresh USING (key)
    )
    WHERE superseded_at > $known
"""
_SUPERSEDED: Final = """
    SELECT contribution_id::VARCHAR AS contribution_id FROM superseded
    WHERE superseded_at <= $sequence_number ORDER BY ALL
"""
_VERSIONS: Final = """
    SELECT contribution_id::VARCHAR AS contribution_id, sequence_number FROM versions
    WHERE key = md5_number($conversation_id) AND sequence_number <= $sequence_number
    ORDER BY sequence_number, contribution_id
"""

P = ParamSpec("P")
T = TypeVar("T")


class VersionsUnavailable(Unavailable):
    """The superseded versions can't be computed now, for example because the disk is full."""

    def __init__(self, snapshot_id: int) -> None:
        super().__init__(
            f"the superseded versions of snapshot {snapshot_id} can't be worked out now"
        )
        self.snapshot_id = snapshot_id


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a conversation.

    Attributes:
        contribution_id: The contribution's id.
        sequence_number: The sequence number of the commit that added it.
        is_erased: Whether it was taken down, and the table hasn't got it any more.
    """

    contribution_id: str
    sequence_number: int
    is_erased: bool = False


class ErasedVersions(Protocol):
    """Knows the versions that were taken down, whether the table still has them or not."""

    def committed(self, after: int, until: int) -> pa.Table:
        """Return those that were added by the commits in a range of sequence numbers.

        Args:
            after: The sequence number before the first commit of the range.
            until: The sequence number of the last commit of the range.

        Returns:
            A table of contribution_id, conversation_id and sequence_number, in any order.
        """

    def among(self, contribution_ids: Collection[str]) -> set[str]:
        """Return those of some contributions that were taken down."""


class NoErasedVersions:
    """Those of a lake of which nothing was taken down."""

    def committed(self, after: int, until: int) -> pa.Table:  # noqa: ARG002  # as the protocol has them
        """Return no version."""
        return schema_of(_KEY_COLUMNS).empty_table()

    def among(self, contribution_ids: Collection[str]) -> set[str]:  # noqa: ARG002  # as above
        """Return nothing."""
        return set()


class Versions:
    """Tells the versions of a conversation, and which versions are superseded at a snapshot."""

    def __init__(self, memory_mib: int, erased: ErasedVersions | None = None) -> None:
        """Tell versions.

        Args:
            memory_mib: Memory for the keys of the lake; DuckDB spills what is more.
            erased: Knows what was taken down; None where nothing was.
        """
        self._memory_mib = memory_mib
        self._erased: ErasedVersions = erased or NoErasedVersions()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._known = 0
        self._cache: LRUCache[int, pa.Array] = LRUCache(_REMEMBERED_SNAPSHOTS)
        self._caching = Lock()
        # The one thread that uses the connection: each connection would hold as much memory.
        self._worker = ThreadPoolExecutor(1, "versions")

    def superseded_in(self, view: SnapshotView) -> pa.Array:
        """Return the contribution_ids of the superseded versions of a snapshot, ascending.

        Raises:
            VersionsUnavailable: DuckDB failed.
        """
        if view.snapshot is None:
            return NO_IDS
        known = self._remembered(view.snapshot)
        if known is not None:
            return known
        return self._wait_for(self._work_out, view.table, view.snapshot)

    def of(self, view: SnapshotView, conversation_id: str) -> list[Version]:
        """Return every version of a conversation as of a snapshot, oldest first, erased ones too.

        Raises:
            VersionsUnavailable: DuckDB failed.
        """
        if view.snapshot is None:
            return []
        found = self._wait_for(
            self._query, view.table, view.snapshot, _VERSIONS, conversation_id=conversation_id
        )
        rows = found.to_pylist()
        erased = self._erased.among([row["contribution_id"] for row in rows])
        return [Version(**row, is_erased=row["contribution_id"] in erased) for row in rows]

    def close(self) -> None:
        """Free the memory; what was worked out is worked out again when it is asked for."""
        with self._caching:
            self._cache.clear()
        self._worker.submit(self._forget).result()

    def _wait_for(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Have the one thread do some work and return its result, with checkpoints meanwhile."""
        future = self._worker.submit(work, *args, **kwargs)
        try:
            while not wait([future], POLL_S).done:
                checkpoint()
        finally:
            # Only work that hasn't begun is cancelled.
            future.cancel()
        return future.result()

    def _remembered(self, snapshot: Snapshot) -> pa.Array | None:
        with self._caching:
            return self._cache.get(snapshot.snapshot_id)

    def _work_out(self, table: Table, snapshot: Snapshot) -> pa.Array:
        known = self._remembered(snapshot)
        if known is None:
            found = self._query(table, snapshot, _SUPERSEDED)
            known = found.column(0).combine_chunks()
            with self._caching:
                self._cache[snapshot.snapshot_id] = known
        return known

    def _query(
        self, table: Table, snapshot: Snapshot, query: str, **parameters: str | None
    ) -> pa.Table:
        """Run a query about a snapshot, after adding the versions up to that snapshot."""
        import duckdb  # noqa: PLC0415  # as in app.query.scratch: not at the start

        number = snapshot.sequence_number
        try:
            connection = self._connection = self._connection or self._connect()
            if number > self._known:
                # After the table was loaded: whatever it lacks by then is in the list of those.
                erased = self._erased.committed(self._known, number)
                _add_versions(connection, table, snapshot, erased, self._known)
                self._known = number
            found = connection.sql(query, params={"sequence_number": number, **parameters})
            return found.to_arrow_table()
        except duckdb.Error as error:
            # A part of the versions may have been added, so the next reader begins anew.
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


def _add_versions(
    connection: "duckdb.DuckDBPyConnection",
    table: Table,
    snapshot: Snapshot,
    erased: pa.Table,
    known: int,
) -> None:
    """Add the versions that came after a commit, and record which versions they superseded.

    Args:
        connection: The database with the versions up to `known`.
        table: The table.
        snapshot: The snapshot up to which versions are added.
        erased: Versions of the commits in between that were taken down.
        known: The sequence number of the newest commit that the database has.
    """
    files = [file for file in plan(table, snapshot) if file.last_sequence_number > known]
    rows = pa.RecordBatchReader.from_batches(
        schema_of(_KEY_COLUMNS), read(table, files, _KEY_COLUMNS)
    )
    connection.register("fresh_rows", rows)
    connection.execute(_FRESH, {"known": known})
    if erased.num_rows:
        connection.register("erased", erased)
        connection.execute(_ADD_ERASED)
        connection.unregister("erased")
    connection.execute("INSERT INTO versions FROM fresh")
    connection.execute(_RECORD, {"known": known})
    connection.execute("DROP TABLE fresh")
    connection.unregister("fresh_rows")
