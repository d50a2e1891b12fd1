"""Reading a snapshot's files for DuckDB, one after the other, and no further than it asks.

DuckDB tells which columns it needs and which rows it can skip. Arrow's own scanner would read ahead
in threads of its own, read an abandoned scan to its end, and read lists with all fields. Here the
thread that asks for rows reads them, batch by batch, and reads only the needed fields of turns.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import methodcaller
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.acero import Declaration, FilterNodeOptions, TableSourceNodeOptions

from sandbox.left_out import LeftOut

TURN_NUMBER: Final = "turn_number"
"""The column with the position of a turn in its conversation, counted from 0."""

_BATCH_ROWS: Final = 2048
"""Contributions in a batch, which is in memory at once."""
_ID: Final = "contribution_id"
_CONVERSATION: Final = "conversation"
_TURN_PATH: Final = f"{_CONVERSATION}.list.element."
"""How the Parquet paths of the fields of turns begin."""
_COUNTED_FIELD: Final = "stopped"
"""The field of turns by which they are counted: small, and in files of any age."""
_value: Final = methodcaller("as_py")


class ContributionFiles(ds.FileSystemDataset):  # type: ignore[misc]  # pyarrow has no annotations
    """The contributions in some files, as a table for DuckDB.

    Attributes:
        failure: The error that kept a file from being read; None if none did.
    """

    def __init__(
        self, files: ds.FileSystemDataset, left_out: LeftOut, schema: pa.Schema | None = None
    ) -> None:
        """Make the table of some files.

        Args:
            files: The files. A column that a file lacks has the value in the file's partition
                expression, or else null.
            left_out: Tells the contribution_ids of the rows to leave out of a file.
            schema: The table's schema; None for the schema of the files.
        """
        fragments = list(files.get_fragments())
        super().__init__(fragments, schema or files.schema, files.format, files.filesystem)
        self._left_out = left_out
        self.failure: BaseException | None = None

    def scanner(
        self,
        columns: Sequence[str] | None,
        filter: ds.Expression | None,  # noqa: A002
    ) -> "_Scan":
        """Return a scan; DuckDB calls this.

        Args:
            columns: The columns to read; None reads all.
            filter: The condition that rows meet; None for every row.
        """
        schema = _selected(self.schema, self.schema.names if columns is None else columns)
        return _Scan(schema, self._scan(schema.names, filter))

    def _scan(
        self, columns: Sequence[str], condition: ds.Expression | None
    ) -> Iterator[pa.RecordBatch]:
        needed = _selected(self.schema, [*columns, *_names_in(condition, self.schema)])
        try:
            for fragment in self.get_fragments(condition):
                constants = ds.get_partition_keys(fragment.partition_expression)
                left_out = self._left_out(fragment.path)
                with fragment.open() as source:
                    for batch in self._read(source, left_out, needed.names, condition):
                        rows = _completed(self._rows(batch), needed, constants)
                        yield from _meeting(rows, condition).select(columns).to_batches()
        except Exception as error:
            # DuckDB passes it on as a message only, which names the file.
            self.failure = error
            raise

    def _read(
        self,
        source: pa.NativeFile,
        left_out: pa.Array,
        names: Sequence[str],
        condition: ds.Expression | None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the Parquet columns behind some columns, of row groups with possible matches."""
        fragment = self.format.make_fragment(source)
        if condition is not None:
            fragment = fragment.subset(condition, schema=self.schema)
        file = pq.ParquetFile(source, metadata=fragment.metadata, pre_buffer=False)
        for group in fragment.row_groups:
            near = _within_group(left_out, file.metadata, group.id)
            paths = [*self._paths(names), *([_ID] if len(near) else ())]
            for batch in file.iter_batches(_BATCH_ROWS, [group.id], paths, use_threads=False):
                yield _without(near, batch) if len(near) else batch

    def _paths(self, names: Sequence[str]) -> Sequence[str]:
        """Return the Parquet paths behind some columns of the table."""
        return names

    def _rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of the table for a batch of a file's rows."""
        return batch


class TurnFiles(ContributionFiles):
    """The turns of the contributions in some files, beside the columns of their contributions.

    Attributes:
        fields: The names of the fields of turns. Their columns are named `conversation.FIELD`,
            since a contribution may have a column of the same name, by whose statistics Arrow would
            skip row groups.
    """

    def __init__(self, files: ds.FileSystemDataset, left_out: LeftOut) -> None:
        """Make the table of some files.

        Args:
            files: The files.
            left_out: Tells the contribution_ids whose turns are left out of a file.
        """
        turn = files.schema.field(_CONVERSATION).type.value_type
        own = files.schema.remove(files.schema.get_field_index(_CONVERSATION))
        of_turns = [field.with_name(turn_column(field.name)) for field in turn]
        super().__init__(
            files, left_out, pa.schema([*own, pa.field(TURN_NUMBER, pa.int64()), *of_turns])
        )
        self.fields = tuple(field.name for field in turn)

    def _paths(self, names: Sequence[str]) -> Sequence[str]:
        fields = {name for name in self.fields if turn_column(name) in names} | {_COUNTED_FIELD}
        return [*names, *(_TURN_PATH + field for field in fields)]

    def _rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        conversations = batch.column(_CONVERSATION)
        contributions = pc.list_parent_indices(conversations)
        turns, offsets = pc.list_flatten(conversations), conversations.offsets
        numbers = pa.arange(offsets[0].as_py(), offsets[-1].as_py())
        columns = {
            name: column.take(contributions)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
            if name != _CONVERSATION
        }
        columns[TURN_NUMBER] = pc.subtract(numbers, offsets.take(contributions))
        columns |= {
            turn_column(field.name): pc.struct_field(turns, field.name) for field in turns.type
        }
        return pa.RecordBatch.from_pydict(columns)


def turn_column(field: str) -> str:
    """Return the name of the column of `TurnFiles` with a field of turns."""
    return f"{_CONVERSATION}.{field}"


class _Scan:
    """One scan of a table, with the method by which DuckDB reads it."""

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        self._schema = schema
        self._batches = batches

    def to_reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self._schema, self._batches)


def _selected(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in dict.fromkeys(names)])


def _names_in(condition: ds.Expression | None, schema: pa.Schema) -> list[str]:
    """Return the columns in a condition: those without which Arrow can't evaluate it."""
    if condition is None:
        return []
    nothing = schema.empty_table()
    return [
        name for name in schema.names if not _can_evaluate(nothing.drop_columns(name), condition)
    ]


def _can_evaluate(rows: pa.Table, condition: ds.Expression) -> bool:
    try:
        _meeting(rows, condition)
    except pa.ArrowInvalid:
        return False
    return True


def _within_group(ids: pa.Array, metadata: pq.FileMetaData, group: int) -> pa.Array:
    """Return those of some ids that a row group may have, by its statistics."""
    if not len(ids):
        return ids
    bounds = metadata.row_group(group).column(metadata.schema.names.index(_ID)).statistics
    if bounds is None or not bounds.has_min_max:
        return ids
    start = bisect_left(ids, bounds.min, key=_value)
    return ids[start : bisect_right(ids, bounds.max, key=_value)]


def _without(left_out: pa.Array, batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.filter(pc.invert(pc.is_in(batch.column(_ID), left_out)))


def _completed(batch: pa.RecordBatch, schema: pa.Schema, constants: dict[str, Any]) -> pa.Table:
    """Return a batch with all columns of a schema; missing ones become constants or nulls."""
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pa.repeat(pa.scalar(constants.get(field.name), field.type), batch.num_rows)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _meeting(rows: pa.Table, condition: ds.Expression | None) -> pa.Table:
    """Return the rows that meet a condition; None is met by all.

    Arrow's own `filter` would start a thread, which fails when memory is short.
    """
    if condition is None:
        return rows
    source = Declaration("table_source", TableSourceNodeOptions(rows))
    chosen = Declaration("filter", FilterNodeOptions(condition), [source])
    return chosen.to_table(use_threads=False)
