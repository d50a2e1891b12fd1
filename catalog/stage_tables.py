"""The tables of the stages: replacing files in them, and reading them in order.

No two files of a stage have rows from overlapping times, unless one build wrote both for the same
chunk of a day. A build numbers its files in the order of their rows. So sorting files by the time
of their first row, and then by name, sorts their rows.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds
from pyiceberg.expressions import BooleanExpression, In
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Table, TableProperties
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.table.update.snapshot import _ManifestMergeManager, _OverwriteFiles

from catalog.checkpoints import checkpoint
from catalog.entries import entries_of
from catalog.errors import CommitConflict
from catalog.fragments import PARQUET, prune_row_groups, read_fragment, scanner
from catalog.manifests import PATH, column_of, files_of
from catalog.plans import EVERY_ROW
from catalog.pruning import LOWER, ROWS, UPPER
from catalog.records import time_of
from catalog.scan import (
    COUNTED_FIELD,
    CandidateRows,
    all_rows,
    arrow_condition,
    columns_in,
    row_groups_of,
    schema_of,
)
from catalog.schema import CONVERSATION, ID
from catalog.snapshots import commit_on_newest, live_snapshot, live_snapshots
from catalog.stages import SOURCE_SNAPSHOT_PROPERTY
from catalog.staging import StagedFile, describe_files

MOST_SMALL_MANIFESTS: Final = 100
"""Number of manifests from which they are merged."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


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
    snapshot = (
        table.current_snapshot() if snapshot_id is None else live_snapshot(table, snapshot_id)
    )
    source = _properties(snapshot).get(SOURCE_SNAPSHOT_PROPERTY)
    return int(source) if source else None


def builds(table: Table) -> Iterator[tuple[int, int]]:
    """Yield the live snapshots of a table of a stage that a build wrote, newest first.

    Args:
        table: A table of a stage.

    Yields:
        The id of the snapshot, and that of the raw table's snapshot that it was computed from.
    """
    for snapshot in live_snapshots(table):
        source_id = source_of(table, snapshot.snapshot_id)
        if source_id is not None:
            yield snapshot.snapshot_id, source_id


def newest_build(table: Table, source_id: int | None = None) -> int | None:
    """Return the id of the newest live snapshot that a build of a stage wrote; None without one.

    Args:
        table: A table of a stage.
        source_id: The raw table's snapshot that it must be computed from; None for any.
    """
    return next((build for build, source in builds(table) if source_id in (None, source)), None)


def has_properties(table: Table, properties: Mapping[str, str]) -> bool:
    """Tell whether the newest snapshot of a table of a stage has properties with these values."""
    return properties.items() <= _properties(table.current_snapshot()).items()


def _properties(snapshot: IcebergSnapshot | None) -> Mapping[str, str]:
    return snapshot.summary.additional_properties if snapshot and snapshot.summary else {}


def replace_files(
    table: Table,
    is_replaced: Callable[[datetime], bool],
    files: Iterable[StagedFile],
    properties: Mapping[str, str],
) -> int:
    """Replace data files in one commit; other files stay as they are.

    A failure or a kill leaves the table as it was before or as it is after, never between. When
    another writer tagged a snapshot meanwhile, the commit is repeated. When it wrote rows, the
    commit fails: builds hold a lock, so no other writer should.

    Args:
        table: A table of a stage, which is reloaded.
        is_replaced: Tells whether a file is removed, by the time at which its first row was
            received.
        files: The new files.
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
        producer = _MergingOverwrite(
            Operation.OVERWRITE if bases[0] else Operation.APPEND,
            transaction,
            table.io,
            snapshot_properties=dict(properties),
        )
        replaced = [file.path for file in _files_of(table, bases[0]) if is_replaced(file.first)]
        with producer as changed:
            for entry in entries_of(table, bases[0], replaced) if bases[0] else ():
                changed.delete_data_file(entry.data_file)
            for file in added:
                changed.append_data_file(file)
        transaction.commit_transaction()
        made.append(producer.snapshot_id)

    commit_on_newest(table, replace)
    return made[0]


class _MergingOverwrite(_OverwriteFiles):
    """pyiceberg's overwrite, which also merges manifests, as only its append does.

    Each build adds a manifest of the few files that it wrote, and every later plan must open it.
    """

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        merging = _ManifestMergeManager(
            target_size_bytes=TableProperties.MANIFEST_TARGET_SIZE_BYTES_DEFAULT,
            min_count_to_merge=MOST_SMALL_MANIFESTS,
            merge_enabled=True,
            snapshot_producer=self,
        )
        return merging.merge_manifests(manifests)


@dataclass(frozen=True, slots=True, order=True)
class StageFile:
    """A data file, in the order of its rows.

    Attributes:
        first: The time at which its first row was received.
        path: URL of the file.
        last: The time at which its last row was received.
        rows: Number of rows.
    """

    first: datetime
    path: str
    last: datetime
    rows: int

    @property
    def day(self) -> date:
        """The day on which its rows were received, in UTC."""
        return self.first.date()

    @property
    def is_rewritten(self) -> bool:
        """Whether compaction wrote it: stages aren't compacted, a build replaces their files."""
        return False


class StageReader:
    """Reads a snapshot of a stage in the order of (received_at, contribution_id).

    Attributes:
        schema: Arrow schema of the rows.
    """

    def __init__(self, table: Table, snapshot_id: int) -> None:
        """Plan the files.

        Args:
            table: A table of a stage.
            snapshot_id: A live snapshot of the table.

        Raises:
            SnapshotNotFound: No live snapshot of the table has this id.
        """
        self._table = table
        self._snapshot = live_snapshot(table, snapshot_id)
        self.schema = table_arrow_schema(table)
        self._files = _files_of(table, self._snapshot)

    def rows(
        self,
        columns: Sequence[str] | None = None,
        between: tuple[datetime, datetime] | None = None,
        ids: Iterable[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows in bounded memory.

        Args:
            columns: Names of the columns, in the order of the result; None for all.
            between: Start and end of a chunk, to read only its files: those whose first row was
                received at the start or later, and before the end. None for all.
            ids: The contribution_ids to read; None for all. Files that hold none of that time
                aren't opened, and row groups without one aren't read.
        """
        names = self.schema.names if columns is None else columns
        projection = {name: ds.field(name) for name in names}
        kind = self.schema.field(ID).type
        for file, possible in _having(self._between(between), ids):
            wanted = None if possible is None else ds.field(ID).isin(pa.array(possible, kind))
            with self._table.io.new_input(file.path).open() as source:
                fragment: ds.ParquetFileFragment | None = PARQUET.make_fragment(source)
                if wanted is not None:
                    fragment = prune_row_groups(fragment, self.schema, wanted)
                if fragment is not None:
                    yield from scanner(fragment, self.schema, projection, wanted).to_batches()

    def files(self, condition: BooleanExpression = EVERY_ROW) -> list[StageFile]:
        """Return the files that may have rows that meet a condition, in the order of their rows."""
        return _files_of(self._table, self._snapshot, condition)

    def with_ids(
        self, ids: Iterable[str], columns: Sequence[str], files: Iterable[StageFile] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows that have some ids; batches may be empty.

        Files that hold none of the times in the ids aren't opened.

        Args:
            ids: The contribution_ids.
            columns: Names of columns, or of fields of turns, see `select`.
            files: The files that are looked at, out of `files`; None for all.
        """
        for file, possible in _having(self._files if files is None else files, ids):
            yield from self.select([file], columns, In(ID, possible or ()))

    def select(
        self,
        files: Iterable[StageFile],
        columns: Sequence[str],
        condition: BooleanExpression = EVERY_ROW,
        candidates: CandidateRows = all_rows,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the matching rows of some files; batches may be empty.

        Each file and each batch is a checkpoint.

        Args:
            files: Files of `files`.
            columns: Names of columns, or of fields of turns, see `catalog.scan.schema_of`.
            condition: The condition on whole columns that rows have to meet.
            candidates: Tells which rows of a file have to be looked at. A file without any stays
                closed.
        """
        iceberg_schema = self._table.schema()
        schema = schema_of(columns, self.schema)
        counted = [COUNTED_FIELD] if CONVERSATION in schema.names else []
        in_condition = columns_in(condition, iceberg_schema)
        needed = schema_of([*columns, *counted, *in_condition], self.schema)
        wanted = None if condition == EVERY_ROW else arrow_condition(condition, iceberg_schema)
        for file in files:
            checkpoint()
            positions = candidates(file)
            if positions is not None and not len(positions):
                continue
            with self._table.io.new_input(file.path).open() as source:
                fragment = row_groups_of(source, positions, wanted, schema, self.schema)
                if fragment is None:
                    continue
                for rows in read_fragment(source, fragment, needed, wanted, positions=positions):
                    checkpoint()
                    yield rows.select(schema.names).cast(schema)

    def _between(self, between: tuple[datetime, datetime] | None) -> Sequence[StageFile]:
        if between is None:
            return self._files
        first, end = (
            bisect_left(self._files, moment, key=lambda file: file.first) for moment in between
        )
        return self._files[first:end]


def stage_rows(
    table: Table,
    snapshot_id: int,
    columns: Sequence[str] | None = None,
    ids: Iterable[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield rows of a stage, as `StageReader.rows` does, in bounded memory.

    Args:
        table: A table of a stage.
        snapshot_id: A live snapshot of the table.
        columns: Names of the columns, in the order of the result; None for all.
        ids: The contribution_ids to read; None for all.

    Raises:
        SnapshotNotFound: No live snapshot of the table has this id.
    """
    return StageReader(table, snapshot_id).rows(columns, ids=ids)


def newest_stage_files(table: Table, condition: BooleanExpression = EVERY_ROW) -> list[StageFile]:
    """Return the files of the newest snapshot of a table of a stage, in the order of their rows.

    Args:
        table: A table of a stage.
        condition: The rows that a file has to have, as far as its bounds tell.
    """
    return _files_of(table, table.current_snapshot(), condition)


def _having(
    files: Iterable[StageFile], ids: Iterable[str] | None
) -> Iterator[tuple[StageFile, list[str] | None]]:
    """Yield files with the ids that they may have, without files that can't have any.

    Args:
        files: The files.
        ids: The contribution_ids; None for all, with which all files come, and None as their ids.
    """
    if ids is None:
        yield from ((file, None) for file in files)
        return
    ascending = sorted(ids)
    times = [time_of(contribution_id) for contribution_id in ascending]
    for file in files:
        possible = ascending[bisect_left(times, file.first) : bisect_right(times, file.last)]
        if possible:
            yield file, possible


def table_arrow_schema(table: Table) -> pa.Schema:
    """Return the Arrow schema of a table's rows."""
    return schema_to_pyarrow(table.schema(), include_field_ids=False)


def _files_of(
    table: Table, snapshot: IcebergSnapshot | None, condition: BooleanExpression = EVERY_ROW
) -> list[StageFile]:
    """Return the files of a snapshot that may have some rows, in the order of these.

    Args:
        table: A table of a stage.
        snapshot: A live snapshot of the table; None for no file.
        condition: The rows.
    """
    received_at = table.schema().find_field("received_at")
    return sorted(
        StageFile(
            _EPOCH + timedelta(microseconds=first),
            path,
            _EPOCH + timedelta(microseconds=last),
            rows,
        )
        for files in (files_of(table, snapshot, condition) if snapshot else ())
        for path, first, last, rows in zip(
            files[PATH].to_pylist(),
            column_of(files, LOWER, received_at).to_pylist(),
            column_of(files, UPPER, received_at).to_pylist(),
            files[ROWS].to_pylist(),
            strict=True,
        )
    )
