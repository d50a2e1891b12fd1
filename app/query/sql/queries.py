"""Queries in SQL on a snapshot, each within the limits of the settings."""

from dataclasses import dataclass
from math import ceil
from typing import Final

import pyarrow as pa

from app.query.replaced import ReplacedReader
from app.query.snapshots import SnapshotView
from app.query.sql.errors import (
    SqlCrashed,
    SqlDisabled,
    SqlOutOfMemory,
    SqlRefused,
    SqlUnreadable,
)
from app.query.sql.sandbox import Sandbox
from app.query.sql.slots import LOCK_FILE_NAME, Slots
from app.settings import Settings
from app.telemetry import traces
from catalog.reading.dataset import dataset_of, local_files_of, replaced_files_of, rows_not_replaced
from sandbox.protocol import Outcome, QueryLimits, Task, TruncatedBy

_THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class SqlResult:
    """The result of a query.

    Attributes:
        schema: The schema of the rows.
        batches: Record batches of the rows, in order.
        truncated_by: The setting by which rows were left out; None when none were.
    """

    schema: pa.Schema
    batches: list[pa.RecordBatch]
    truncated_by: TruncatedBy | None

    @property
    def row_count(self) -> int:
        """The number of rows in all batches."""
        return sum(batch.num_rows for batch in self.batches)


class SqlQueries:
    """Runs queries in SQL."""

    def __init__(self, settings: Settings, replaced: ReplacedReader) -> None:
        self._settings = settings
        self._replaced = replaced
        self._slots = Slots(
            settings.home / LOCK_FILE_NAME, settings.sql_pool_size, settings.sql_queries_per_address
        )
        self._sandbox = Sandbox()

    def run(
        self, view: SnapshotView, query: str, client: str, connection: int | None = None
    ) -> SqlResult:
        """Return the result of one SELECT on a snapshot.

        Args:
            view: The table as of the snapshot.
            query: The text in SQL.
            client: The name of the client, which may run few queries at once.
            connection: File descriptor of the client's connection, whose end ends the query, or
                None.

        Raises:
            SqlDisabled: SQL is switched off.
            SqlClientBusy: The client has too many queries running.
            SqlPoolFull: Too many queries are running.
            SqlRefused: The query isn't one SELECT that can be run.
            SqlNotBegun: The machine is too busy to begin the query.
            SqlTimeout: The query took too long.
            SqlOutOfMemory: The query needs too much memory.
            SqlAbandoned: The client left.
            SqlUnreadable: The snapshot's files can't be read now.
            SqlCrashed: The query's process ended without a result.
        """
        if not self._settings.sql_enabled:
            raise SqlDisabled
        with self._slots.take(client) as slot:
            task = self._task(view, query)
            with traces.span("sql query"):
                outcome, stream = self._sandbox.run(
                    task, slot, self._settings.sql_timeout_s, connection
                )
        match outcome.verdict:
            case "refused":
                raise SqlRefused(outcome.message)
            case "out_of_memory":
                raise SqlOutOfMemory(self._settings.sql_memory_mib)
            case "unreadable":
                raise SqlUnreadable(view.snapshot.snapshot_id if view.snapshot else None)
        return read_result(outcome, stream)

    def close(self) -> None:
        """End all processes of the sandbox."""
        self._sandbox.close()

    def _task(self, view: SnapshotView, query: str) -> Task:
        files, replaced = view.files(), self._replaced.as_of(view)
        return Task(
            query=query,
            dataset=dataset_of(view.table, files),
            local=local_files_of(view.table, files),
            days=tuple(file.day for file in files),
            last_sequence_number=next((file.until for file in files if file.until), None),
            replaced=replaced_files_of(replaced.table, replaced.files(), replaced.sequence_number),
            hidden=view.hidden,
            rows=None
            if len(view.hidden)
            else rows_not_replaced(files, replaced.files(), replaced.sequence_number),
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


def read_result(outcome: Outcome, stream: bytearray) -> SqlResult:
    """Return the result that a query's process sent.

    Args:
        outcome: The outcome of a query that was answered.
        stream: The rows in Arrow's stream format.

    Raises:
        SqlCrashed: The stream isn't valid.
    """
    try:
        with pa.ipc.open_stream(pa.py_buffer(stream)) as reader:
            batches = list(reader)
        for batch in batches:
            # The process isn't trusted: a stranger's query ran in it.
            batch.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise SqlCrashed(None) from error
    return SqlResult(reader.schema, batches, outcome.truncated_by)
