"""Which rows of a snapshot were replaced by a later version.

A version replaces the earlier ones of the same (submitter_id, ingest_id). The newest is that of
the newest commit, and within a commit that of the newest contribution_id.
"""

import tempfile
from bisect import bisect_left, bisect_right
from threading import Lock
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from cachetools import LRUCache
from pyiceberg.table import Table

from catalog.errors import LakeError
from catalog.scan import plan, read, schema_of
from catalog.snapshots import Snapshot

_KEY_COLUMNS: Final = ("contribution_id", "submitter_id", "ingest_id", "sequence_number")
_REMEMBERED_SNAPSHOTS: Final = 8
_REPLACED: Final = """
    SELECT contribution_id FROM versions
    QUALIFY row_number() OVER (
        PARTITION BY submitter_id, ingest_id
        ORDER BY sequence_number DESC, contribution_id DESC
    ) > 1
    ORDER BY contribution_id
"""


class VersionsUnavailable(LakeError):
    """Which versions were replaced can't be worked out now, as when its disk is full."""

    def __init__(self, snapshot_id: int) -> None:
        super().__init__(f"the replaced versions of snapshot {snapshot_id} can't be worked out now")
        self.snapshot_id = snapshot_id


class Versions:
    """Finds replaced versions, and remembers the answers: a snapshot never changes."""

    def __init__(self, memory_mib: int) -> None:
        """Use up to this much memory for the keys of a snapshot; DuckDB spills what is more."""
        self._memory_mib = memory_mib
        self._cache: LRUCache[int, pa.Array] = LRUCache(_REMEMBERED_SNAPSHOTS)
        self._lock = Lock()

    def replaced(self, table: Table, snapshot: Snapshot) -> pa.Array:
        """Return the contribution_ids of the versions that a later one replaced, ascending.

        Raises:
            VersionsUnavailable: DuckDB failed.
        """
        # One reader works it out, the others wait for it: each would hold as much memory.
        with self._lock:
            if snapshot.snapshot_id not in self._cache:
                self._cache[snapshot.snapshot_id] = self._find(table, snapshot)
            return self._cache[snapshot.snapshot_id]

    def _find(self, table: Table, snapshot: Snapshot) -> pa.Array:
        files = plan(table, snapshot)
        versions = pa.RecordBatchReader.from_batches(
            schema_of(_KEY_COLUMNS), read(table, files, _KEY_COLUMNS)
        )
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{self._memory_mib}MiB",
            "temp_directory": tempfile.gettempdir(),
            "threads": 1,
        }
        try:
            with duckdb.connect(config=config) as connection:
                connection.register("versions", versions)
                replaced = connection.sql(_REPLACED).to_arrow_table()
        except duckdb.Error as error:
            raise VersionsUnavailable(snapshot.snapshot_id) from error
        return replaced.column("contribution_id").combine_chunks()


def without(replaced: pa.Array, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch without its replaced versions.

    Only those whose ids lie in the batch's range are compared: the others can be many.
    """
    if not len(replaced) or not batch.num_rows:
        return batch
    ids = batch.column("contribution_id")
    bounds = pc.min_max(ids).as_py()
    start = bisect_left(replaced, bounds["min"], key=lambda value: value.as_py())
    end = bisect_right(replaced, bounds["max"], key=lambda value: value.as_py())
    if start == end:
        return batch
    return batch.filter(pc.invert(pc.is_in(ids, replaced[start:end])))
