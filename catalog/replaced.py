"""The table `replaced`: a row for each contribution that a later version of it replaced.

A version replaces the one before it in its conversation. The order is that of commits, and within a
commit that of contribution_ids. A row states the sequence number of the commit that replaced its
contribution, so the rows up to a snapshot's number tell what was replaced as of that snapshot. The
table is partitioned by the day of the replaced contribution, as the raw table is.

The table has all rows up to the number in its property `REPLACED_UNTIL_PROPERTY`, which is written
in the same commit as they are. So whoever repeats an append can tell whether it was done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.transforms import DayTransform
from pyiceberg.types import LongType, NestedField, StringType, TimestamptzType

from catalog.checkpoints import checkpoint
from catalog.connection import commit_lock_of
from catalog.errors import CommitConflict
from catalog.manifests.cache import DAY, PATH, SIZE_BYTES, column_of, files_of
from catalog.manifests.entries import entries_of
from catalog.manifests.pruning import LOWER, ROWS, UPPER
from catalog.schema import ID, NAMESPACE, SEQUENCE_NUMBER
from catalog.writing.staging import StagedFiles

REPLACED_NAME: Final = "replaced"
REPLACED_IDENTIFIER: Final = f"{NAMESPACE}.{REPLACED_NAME}"
REPLACED_BY: Final = "replaced_by"
REPLACED_UNTIL_PROPERTY: Final = "chatlake.replaced-until"
"""Property of the table and of its snapshots: the number of the raw table's commit up to which all
rows are there."""

REPLACED_SCHEMA: Final = Schema(
    NestedField(1, ID, StringType(), required=True, doc="The contribution that was replaced"),
    NestedField(
        2, "received_at", TimestamptzType(), required=True, doc="When it was received, by its id"
    ),
    NestedField(3, REPLACED_BY, StringType(), doc="The version that replaced it; null if erased"),
    NestedField(4, "replaced_at", TimestamptzType(), doc="Time of the commit that replaced it"),
    NestedField(
        5, SEQUENCE_NUMBER, LongType(), required=True, doc="Of the commit that replaced it"
    ),
    identifier_field_ids=[1],
)
REPLACED_SPEC: Final = PartitionSpec(
    PartitionField(source_id=2, field_id=1000, transform=DayTransform(), name="received_at_day")
)
REPLACED_ARROW_SCHEMA: Final[pa.Schema] = schema_to_pyarrow(
    REPLACED_SCHEMA, include_field_ids=False
)
_NUMBER_FIELD: Final = REPLACED_SCHEMA.find_field(SEQUENCE_NUMBER)
_ROWS_IN_MEMORY: Final = 200_000
"""Rows that gather before they are written, so that few files are."""


@dataclass(frozen=True, slots=True)
class ReplacedFile:
    """A data file of the table.

    Attributes:
        path: URL of the file.
        day: The day on which the replaced contributions were received, in UTC.
        rows: Number of rows in it.
        size_bytes: Size of the file.
        first_sequence_number: The lowest sequence number of a row.
        last_sequence_number: The highest sequence number of a row.
    """

    path: str
    day: date
    rows: int
    size_bytes: int
    first_sequence_number: int
    last_sequence_number: int


def replaced_until(table: Table) -> int:
    """Return the sequence number of the raw table up to which `replaced` has all rows at least."""
    return int(table.properties.get(REPLACED_UNTIL_PROPERTY, 0))


def until_of(snapshot: IcebergSnapshot) -> int:
    """Return the sequence number of the raw table up to which a snapshot of `replaced` has rows."""
    properties = snapshot.summary.additional_properties if snapshot.summary else {}
    return int(properties.get(REPLACED_UNTIL_PROPERTY, 0))


class ReplacedWriter:
    """Writes rows to new data files of the table, which no commit refers to until `append`."""

    def __init__(self, table: Table) -> None:
        """Prepare to write; nothing is written yet.

        Args:
            table: The table `replaced`.
        """
        self._table = table
        self._files = StagedFiles(table, uuid4())
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, rows: pa.Table) -> None:
        """Take rows with `REPLACED_ARROW_SCHEMA`, in any order.

        Raises:
            OSError: Writing failed.
        """
        if not rows.num_rows:
            return
        self._waiting.append(rows)
        self._rows += rows.num_rows
        if self._rows >= _ROWS_IN_MEMORY:
            self._flush()

    def append(self, until: int) -> None:
        """Append all rows in one commit; without any, there is no commit.

        After an exception the outcome is unknown; `replaced_until` of the newest table tells.

        Args:
            until: The sequence number of the raw table up to which the table has all rows then.

        Raises:
            CommitConflict: Another commit came first; this one is not in the table.
        """
        self._flush()
        files = self._files.describe()
        if files:
            _append(self._table, files, until)

    def replace(self, old: Sequence[str], until: int) -> None:
        """Put all rows into the place of files of the table, in one commit.

        After an exception the outcome is unknown; the table's newest files tell.

        Args:
            old: The paths of the files.
            until: The sequence number of the raw table up to which the table has all rows then.

        Raises:
            CommitConflict: Another writer has replaced one of the files, or kept committing first.
        """
        self._flush()
        files = self._files.describe()
        if files or old:
            _replace(self._table, old, files, until)

    def _flush(self) -> None:
        if self._waiting:
            rows = pa.concat_tables(self._waiting).sort_by(ID).combine_chunks()
            # By days, whose order is not that of ids where an engine made ids of its own.
            self._files.write(rows.sort_by([("received_at", "ascending"), (ID, "ascending")]))
        self._waiting, self._rows = [], 0


def _append(table: Table, files: Sequence[DataFile], until: int) -> None:
    properties = {REPLACED_UNTIL_PROPERTY: str(until)}
    transaction = table.transaction()
    transaction.set_properties(properties)
    with transaction.update_snapshot(properties).merge_append() as append:
        for data_file in files:
            append.append_data_file(data_file)
    try:
        transaction.commit_transaction()
    except CommitFailedException as error:
        raise CommitConflict(1) from error


def _replace(table: Table, old: Sequence[str], files: Sequence[DataFile], until: int) -> None:
    with commit_lock_of(table):
        table.refresh()
        newest = table.current_snapshot()
        entries = entries_of(table, newest, set(old)) if newest else []
        if len(entries) < len(old):
            raise CommitConflict(1)
        # What was appended meanwhile stays.
        added = [
            file.last_sequence_number for file in replaced_files(table) if file.path not in old
        ]
        properties = {REPLACED_UNTIL_PROPERTY: str(max([until, *added]))}
        transaction = table.transaction()
        transaction.set_properties(properties)
        with transaction.update_snapshot(properties).overwrite() as overwrite:
            for entry in entries:
                overwrite.delete_data_file(entry.data_file)
            for data_file in files:
                overwrite.append_data_file(data_file)
        try:
            transaction.commit_transaction()
        except CommitFailedException as error:
            raise CommitConflict(1) from error


def replaced_files(table: Table) -> list[ReplacedFile]:
    """Return the data files of the newest snapshot, oldest day first."""
    newest = table.current_snapshot()
    if newest is None:
        return []
    found = [
        ReplacedFile(path, day, rows, size_bytes, first, last)
        for files in files_of(table, newest)
        for path, day, rows, size_bytes, first, last in zip(
            files[PATH].to_pylist(),
            files[DAY].cast(pa.date32()).to_pylist(),
            files[ROWS].to_pylist(),
            files[SIZE_BYTES].to_pylist(),
            column_of(files, LOWER, _NUMBER_FIELD).to_pylist(),
            column_of(files, UPPER, _NUMBER_FIELD).to_pylist(),
            strict=True,
        )
    ]
    return sorted(found, key=lambda file: (file.day, file.first_sequence_number, file.path))


def read_replaced(
    table: Table, file: ReplacedFile, columns: Sequence[str] = REPLACED_ARROW_SCHEMA.names
) -> pa.Table:
    """Return some columns of all rows of a data file, in the order of contribution_ids."""
    checkpoint()
    schema = pa.schema([REPLACED_ARROW_SCHEMA.field(name) for name in columns])
    with table.io.new_input(file.path).open() as source:
        # Not by `read_table`, whose dataset takes longer to make than the rows to read.
        rows = pq.ParquetFile(source).read(list(columns), use_threads=False)
    return rows.select(list(columns)).cast(schema)
