"""Queries in SQL: from a view of the lake and a text to rows."""

from dataclasses import dataclass
from math import ceil
from socket import socket
from typing import Final

import pyarrow as pa

from app.query.selection import files_of
from app.query.snapshots import SnapshotView
from app.query.sql.errors import (
    SqlCrashed,
    SqlDisabled,
    SqlOutOfMemory,
    SqlRefused,
    SqlUnreadable,
)
from app.query.sql.sandbox import Sandbox
from app.query.sql.slots import Slots
from app.query.versions import Versions
from app.settings import Settings
from catalog.dataset import dataset_of
from sandbox.protocol import Outcome, QueryLimits, Task, TruncatedBy

_THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class SqlResult:
    """The rows of a query.

    Attributes:
        schema: Their schema.
        batches: They.
        truncated_by: The setting by which rows were left out; None: these are all.
    """

    schema: pa.Schema
    batches: list[pa.RecordBatch]
    truncated_by: TruncatedBy | None

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return sum(batch.num_rows for batch in self.batches)


class SqlQueries:
    """Answers queries, each within the limits of the settings."""

    def __init__(self, settings: Settings, versions: Versions) -> None:
        self._settings = settings
        self._versions = versions
        self._slots = Slots(
            settings.home / "sql.lock", settings.sql_pool_size, settings.sql_queries_per_address
        )
        self._sandbox = Sandbox()

    def run(
        self, view: SnapshotView, query: str, address: str, client: socket | None = None
    ) -> SqlResult:
        """Return the rows of one SELECT on a view of the lake.

        Args:
            view: The snapshot.
            query: The text.
            address: Who asks: one address runs few queries at once.
            client: The connection of who waits for it, if known: when they leave, it ends.

        Raises:
            SqlDisabled: It is switched off.
            SqlAddressBusy: As many queries of the address run as may.
            SqlPoolFull: As many queries run as may.
            SqlRefused: It isn't one SELECT that can be run.
            SqlTimeout: It took too long.
            SqlOutOfMemory: It needs too much memory.
            SqlAbandoned: The client left.
            SqlUnreadable: The snapshot's files can't be read now.
            SqlCrashed: Its process ended without an answer.
        """
        if not self._settings.sql_enabled:
            raise SqlDisabled
        with self._slots.take(address) as slot:
            task = self._task(view, query)
            outcome, stream = self._sandbox.run(task, slot, self._settings.sql_timeout_s, client)
        match outcome.verdict:
            case "refused":
                raise SqlRefused(outcome.message)
            case "out_of_memory":
                raise SqlOutOfMemory(self._settings.sql_memory_mib)
            case "unreadable":
                raise SqlUnreadable(view.snapshot.snapshot_id if view.snapshot else None)
        return _read(outcome, stream)

    def close(self) -> None:
        """End the processes that were started."""
        self._sandbox.close()

    def _task(self, view: SnapshotView, query: str) -> Task:
        files = files_of(view)
        return Task(
            query=query,
            dataset=dataset_of(view.table, files),
            last_sequence_number=next((file.until for file in files if file.until), None),
            replaced=self._versions.replaced_in(view),
            limits=self._limits(),
        )

    def _limits(self) -> QueryLimits:
        settings = self._settings
        return QueryLimits(
            memory_mib=settings.sql_memory_mib,
            cpu_s=ceil(settings.sql_timeout_s) * (_THREADS + 1),
            threads=_THREADS,
            max_rows=settings.sql_max_rows,
            max_bytes=settings.sql_max_bytes,
        )


def _read(outcome: Outcome, stream: bytearray) -> SqlResult:
    try:
        with pa.ipc.open_stream(pa.py_buffer(stream)) as reader:
            batches = list(reader)
        for batch in batches:
            # It comes from a process that a stranger's query ran in.
            batch.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise SqlCrashed(None) from error
    return SqlResult(reader.schema, batches, outcome.truncated_by)
