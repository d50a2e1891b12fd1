"""The tables of the stages: creating them, replacing days in them, and reading them in order.

One build writes a whole day of a stage. It names the data files after itself and numbers them in
the order of their rows, so sorting the files of a day by name sorts their rows.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.dataset as ds
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from catalog.errors import CommitConflict
from catalog.fragments import PARQUET, prune_row_groups, scanner
from catalog.partitions import day_of
from catalog.scan import entries_of, newest_entries
from catalog.schema import ID
from catalog.snapshots import commit_on_newest, live_snapshot
from catalog.stages import SOURCE_SNAPSHOT_PROPERTY
from catalog.staging import StagedFile, describe_files


def source_of(table: Table, snapshot_id: int | None = None) -> int | None:
    """Return the id of the raw table's snapshot that a stage was computed from.

    Args:
        table: A table of a stage.
        snapshot_id: A snapshot of that table; None for the newest.

    Returns:
        The raw snapshot's id; None when no build has written the stage's snapshot.

    Raises:
        SnapshotNotFound: No live snapshot of the table has the id.
    """
    snapshot = table.current_snapshot()
    if snapshot_id is not None:
        snapshot = live_snapshot(table, snapshot_id)
    if snapshot is None or snapshot.summary is None:
        return None
    source = snapshot.summary.additional_properties.get(SOURCE_SNAPSHOT_PROPERTY)
    return int(source) if source else None


def replace_days(
    table: Table,
    days: Collection[date],
    files: Iterable[StagedFile],
    properties: Mapping[str, str],
) -> int:
    """Replace the data files of some days in one commit; other days stay as they are.

    A failure or a kill leaves the table as it was before or as it is after, never between. When
    another writer tagged a snapshot meanwhile, the commit is repeated. When it wrote rows, the
    commit fails: builds hold a lock, so no other writer should.

    Args:
        table: A table of a stage, which is reloaded.
        days: The days to replace. A day without a new file becomes empty.
        files: The new files of these days.
        properties: Properties of the new snapshot.

    Returns:
        The id of the new snapshot, which is made even when there is nothing to replace.

    Raises:
        CommitConflict: Another writer wrote rows meanwhile; nothing is replaced.
    """
    added = list(describe_files(table, files))
    bases: list[IcebergSnapshot | None] = []
    made: list[int] = []

    def replace() -> None:
        bases.append(table.current_snapshot())
        if bases[-1] != bases[0]:
            raise CommitConflict(len(bases) - 1)
        transaction = table.transaction()
        producer = transaction.update_snapshot(dict(properties)).overwrite()
        with producer as changed:
            for entry in newest_entries(table):
                if day_of(entry.data_file) in days:
                    changed.delete_data_file(entry.data_file)
            for file in added:
                changed.append_data_file(file)
        transaction.commit_transaction()
        made.append(producer.snapshot_id)

    commit_on_newest(table, replace)
    return made[0]


def stage_rows(
    table: Table,
    snapshot_id: int,
    columns: Sequence[str] | None = None,
    days: Collection[date] | None = None,
    ids: Sequence[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield rows of a stage in the order of (received_at, contribution_id), in bounded memory.

    Args:
        table: A table of a stage.
        snapshot_id: A live snapshot of the table.
        columns: Names of the columns, in the order of the result; None for all.
        days: The days to read; None for all. Files of other days aren't opened.
        ids: The contribution_ids to read; None for all. Row groups without one aren't read.

    Raises:
        SnapshotNotFound: No live snapshot of the table has this id.
    """
    schema = table_arrow_schema(table)
    names = schema.names if columns is None else columns
    wanted = None if ids is None else ds.field(ID).isin(pa.array(ids, schema.field(ID).type))
    projection = {name: ds.field(name) for name in names}
    for file in _files(table, snapshot_id, days):
        with table.io.new_input(file.file_path).open() as source:
            fragment: ds.ParquetFileFragment | None = PARQUET.make_fragment(source)
            if wanted is not None:
                fragment = prune_row_groups(fragment, schema, wanted)
            if fragment is not None:
                yield from scanner(fragment, schema, projection, wanted).to_batches()


def table_arrow_schema(table: Table) -> pa.Schema:
    """Return the Arrow schema of a table's rows."""
    return schema_to_pyarrow(table.schema(), include_field_ids=False)


def _files(table: Table, snapshot_id: int, days: Collection[date] | None) -> list[DataFile]:
    """Return the data files of a snapshot in the order of their rows."""
    entries = entries_of(table, live_snapshot(table, snapshot_id))
    files = [entry.data_file for entry in entries]
    wanted = [file for file in files if days is None or day_of(file) in days]
    return sorted(wanted, key=lambda file: (day_of(file), file.file_path))
