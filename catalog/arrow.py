"""Contributions as Arrow: one table per batch, column by column."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any

import pyarrow as pa
from msgspec import Struct

from catalog.records import Contribution, Turn
from catalog.schema import ARROW_SCHEMA, ROW_GROUP_BYTES, ROW_GROUP_ROWS

_CONVERSATION_TYPE = ARROW_SCHEMA.field("conversation").type
_TURN_TYPE = _CONVERSATION_TYPE.value_type


def to_arrow(contributions: Sequence[Contribution]) -> pa.Table:
    """Return contributions as one Arrow table with the raw table's schema, in the given order.

    `sequence_number` is null: rows of a fresh file have the number of the commit that adds it.
    """
    values = _columns(Contribution, contributions)
    values["conversation"] = _conversations(values["conversation"])
    values["sequence_number"] = pa.nulls(len(contributions), pa.int64())
    return pa.Table.from_pydict(values, schema=ARROW_SCHEMA)


def _conversations(conversations: Sequence[tuple[Turn, ...]]) -> pa.Array:
    """Build the list<struct> column from its leaves, several times faster than from dicts."""
    offsets = [0, *accumulate(map(len, conversations))]
    values = _columns(Turn, list(chain.from_iterable(conversations)))
    leaves = [pa.array(values[field.name], field.type) for field in _TURN_TYPE]
    structs = pa.StructArray.from_arrays(leaves, fields=list(_TURN_TYPE))
    return pa.LargeListArray.from_arrays(
        pa.array(offsets, pa.int64()), structs, type=_CONVERSATION_TYPE
    )


def _columns(kind: type[Struct], structs: Sequence[Struct]) -> dict[str, Sequence[Any]]:
    """Return the values of structs by field name, without a Python loop over the structs."""
    # No tuple for each struct: the garbage collector would walk through tens of thousands of them.
    return {name: list(map(attrgetter(name), structs)) for name in kind.__struct_fields__}


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
