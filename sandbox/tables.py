"""The tables that a query reads, as DuckDB's views of one Arrow dataset.

DuckDB tells the dataset which columns it needs and which rows it can do without, through the views,
so that files of other days are not opened, and other columns not read.
"""

from collections.abc import Iterator
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from sandbox.protocol import Task

_BATCH_ROWS: Final = 4096
_BATCH_READAHEAD: Final = 2
_FILE_READAHEAD: Final = 1

_ALL_VERSIONS: Final = """
    CREATE VIEW all_versions AS
    SELECT * EXCLUDE (sequence_number, file_sequence_number),
        coalesce(sequence_number, file_sequence_number) AS sequence_number
    FROM files
"""
_OLD_ENOUGH: Final = " WHERE coalesce(sequence_number, file_sequence_number) <= {}"
_CONTRIBUTIONS: Final = "CREATE VIEW contributions AS SELECT * FROM all_versions"
_NOT_REPLACED: Final = " ANTI JOIN replaced USING (contribution_id)"
_TURNS: Final = """
    CREATE VIEW turns AS
    SELECT contribution_id, ingest_id, received_at, source, submitter_id, attribution, agent_id,
        sequence_number, turn_number, turn.content, turn.role, turn.rating, turn.stopped,
        turn.edited_content
    FROM (
        SELECT *, unnest(conversation) AS turn,
            generate_subscripts(conversation, 1) - 1 AS turn_number
        FROM contributions
    )
"""


class SnapshotFiles(ds.FileSystemDataset):  # type: ignore[misc]  # pyarrow has no annotations
    """A dataset that is read a file at a time, in bounded memory, and tells when it can't be.

    Attributes:
        failure: What kept a file from being read; None while nothing did.
    """

    def __init__(self, dataset: ds.FileSystemDataset) -> None:
        super().__init__(
            list(dataset.get_fragments()), dataset.schema, dataset.format, dataset.filesystem
        )
        self.failure: BaseException | None = None

    def scanner(self, **wanted: Any) -> "_Scan":
        """Return a scan of the columns and rows that are wanted; DuckDB calls it."""
        return _Scan(
            self,
            super().scanner(
                **wanted,
                batch_size=_BATCH_ROWS,
                batch_readahead=_BATCH_READAHEAD,
                fragment_readahead=_FILE_READAHEAD,
                use_threads=False,
            ),
        )


class _Scan:
    """One reading of a dataset, as DuckDB uses it."""

    def __init__(self, dataset: SnapshotFiles, scanner: ds.Scanner) -> None:
        self._dataset = dataset
        self._scanner = scanner

    def to_reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self._scanner.projected_schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._scanner.to_batches()
        except Exception as error:
            # DuckDB only tells that there was one, in words that name the file.
            self._dataset.failure = error
            raise


def make_tables(connection: duckdb.DuckDBPyConnection, task: Task) -> SnapshotFiles:
    """Make the tables of a task, and return the dataset that they read."""
    files = SnapshotFiles(task.dataset)
    connection.register("files", files)
    old_enough, not_replaced = "", ""
    if task.last_sequence_number is not None:
        old_enough = _OLD_ENOUGH.format(task.last_sequence_number)
    if len(task.replaced):
        connection.register("replaced", pa.table({"contribution_id": task.replaced}))
        not_replaced = _NOT_REPLACED
    connection.execute(_ALL_VERSIONS + old_enough)
    connection.execute(_CONTRIBUTIONS + not_replaced)
    connection.execute(_TURNS)
    return files
