"""Contributions as Arrow: one table per batch, column by column."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from catalog.records import Contribution, Turn
from catalog.schema import ARROW_SCHEMA, ROW_GROUP_BYTES, ROW_GROUP_ROWS

_CONVERSATION_TYPE = ARROW_SCHEMA.field("conversation").type
_TURN_TYPE = _CONVERSATION_TYPE.value_type


def to_arrow(contributions: Sequence[Contribution]) -> pa.Table:
    """Return the contributions as one table with the raw table's schema, in their order.

    `sequence_number` is null: a fresh file's rows take the number of the commit that adds it.
    """
    columns = [_column(contributions, field) for field in ARROW_SCHEMA]
    return pa.Table.from_arrays(columns, schema=ARROW_SCHEMA)


def _column(contributions: Sequence[Contribution], field: pa.Field) -> pa.Array:
    if field.name == "conversation":
        return _conversations([contribution.conversation for contribution in contributions])
    if field.name == "sequence_number":
        return pa.nulls(len(contributions), field.type)
    return pa.array((getattr(row, field.name) for row in contributions), field.type)


def _conversations(conversations: Sequence[tuple[Turn, ...]]) -> pa.Array:
    """Build list<struct> from its leaves: several times faster than from Python dicts."""
    offsets = [0]
    for conversation in conversations:
        offsets.append(offsets[-1] + len(conversation))
    turns = [turn for conversation in conversations for turn in conversation]
    leaves = [
        pa.array((getattr(turn, field.name) for turn in turns), field.type) for field in _TURN_TYPE
    ]
    structs = pa.StructArray.from_arrays(leaves, fields=list(_TURN_TYPE))
    return pa.LargeListArray.from_arrays(
        pa.array(offsets, pa.int64()), structs, type=_CONVERSATION_TYPE
    )


def row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the rows of batches of any size as tables of `ROW_GROUP_ROWS` rows, and the rest.

    A table has fewer rows where they come to `ROW_GROUP_BYTES`.
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
            size_bytes = sum(rest.nbytes for rest in waiting)
        if size_bytes >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, rows, size_bytes = [], 0, 0
    if rows:
        yield pa.Table.from_batches(waiting)
