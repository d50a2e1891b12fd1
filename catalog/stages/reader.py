"""Reading the stages' tables in the order of receipt."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.dataset as ds
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import BooleanExpression, In
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import Table

from catalog.checkpoints import checkpoint
from catalog.reading.fragments import PARQUET, prune_row_groups, read_fragment, scanner
from catalog.reading.plans import EVERY_ROW
from catalog.reading.scan import (
    COUNTED_FIELD,
    CandidateRows,
    all_rows,
    arrow_condition,
    columns_in,
    row_groups_of,
    schema_of,
)
from catalog.records import time_of
from catalog.schema import CONVERSATION, ID
from catalog.snapshots import live_snapshot
from catalog.stages.files import StageFile, stage_files
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table


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
        self._files = stage_files(table, self._snapshot)

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
        return stage_files(self._table, self._snapshot, condition)

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
            columns: Names of columns, or of fields of turns, see `catalog.reading.scan.schema_of`.
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


def newest_builds(catalog: Catalog) -> Iterator[StageReader]:
    """Yield a reader of the newest snapshot of each stage that has one."""
    for stage in COMPUTED_STAGES.values():
        table = load_table(catalog, stage.rows)
        newest = table.current_snapshot()
        if newest is not None:
            yield StageReader(table, newest.snapshot_id)


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
