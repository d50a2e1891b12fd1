"""Contributions as Arrow: one table per batch, column by column."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any

import pyarrow as pa
from msgspec import Struct

from catalog.records import Contribution
from catalog.schema import ARROW_SCHEMA, ROW_GROUP_BYTES, ROW_GROUP_ROWS, SEQUENCE_NUMBER


def to_arrow(contributions: Sequence[Contribution]) -> pa.Table:
    """Return contributions as one Arrow table with the raw table's schema, in the given order.

    `sequence_number` is null: rows of a fresh file have the number of the commit that adds it.
    """
    fields = [field for field in ARROW_SCHEMA if field.name != SEQUENCE_NUMBER]
    columns = _struct_array(contributions, pa.struct(fields)).flatten()
    arrays = {field.name: column for field, column in zip(fields, columns, strict=True)}
    arrays[SEQUENCE_NUMBER] = pa.nulls(len(contributions), pa.int64())
    return pa.Table.from_pydict(arrays, schema=ARROW_SCHEMA)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return values as an array; lists and structs come from their leaves.

    Arrow would take several times as long to build them from dicts.
    """
    if not any(values) and values.count(None) == len(values):
        return pa.nulls(len(values), kind)
    if pa.types.is_large_list(kind):
        return _list_array(values, kind)
    if pa.types.is_struct(kind):
        return _struct_array(values, kind)
    if pa.types.is_map(kind):
        return pa.array([value and list(value.items()) for value in values], kind)
    return pa.array(values, kind)


def _list_array(lists: Sequence[Sequence[Any] | None], kind: pa.LargeListType) -> pa.Array:
    offsets = [0, *accumulate(len(values or ()) for values in lists)]
    items = list(chain.from_iterable(values or () for values in lists))
    return pa.LargeListArray.from_arrays(
        pa.array(offsets, pa.int64()),
        _array(items, kind.value_type),
        type=kind,
        mask=_nulls_in(lists),
    )


def _struct_array(structs: Sequence[Struct | None], kind: pa.StructType) -> pa.Array:
    mask = _nulls_in(structs)
    if mask is None:
        # Without a Python loop over the structs, and without a tuple for each: the garbage
        # collector would walk through tens of thousands of them.
        values = [list(map(attrgetter(field.name), structs)) for field in kind]
    else:
        values = [[getattr(struct, field.name, None) for struct in structs] for field in kind]
    leaves = [_array(column, field.type) for column, field in zip(values, kind, strict=True)]
    return pa.StructArray.from_arrays(leaves, fields=list(kind), mask=mask)


def _nulls_in(values: Sequence[Any]) -> pa.Array | None:
    return pa.array([value is None for value in values]) if None in values else None


def row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Regroup batches of any size into tables of the size of a row group, in order.

    A table has `ROW_GROUP_ROWS` rows. It has fewer when it is the last one, or when its rows reach
    `ROW_GROUP_BYTES`.
    """
    waiting: list[pa.RecordBatch] = []
    rows = size_bytes = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        size_bytes += batch.nbytes
        while rows >= ROW_GROUP_ROWS:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, ROW_GROUP_ROWS)
            waiting = table.slice(ROW_GROUP_ROWS).to_batches()
            rows -= ROW_GROUP_ROWS
            size_bytes = sum(left.nbytes for left in waiting)
        if size_bytes >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, rows, size_bytes = [], 0, 0
    if rows:
        yield pa.Table.from_batches(waiting)
