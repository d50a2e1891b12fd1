"""The dimensions by which contributions and turns are counted, and counting by them."""

from collections.abc import Sequence
from typing import Final, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from catalog.reading.scan import COUNTED_FIELD
from catalog.schema import CONVERSATION

Dimension = Literal["day", "source", "agent_id", "contributor_id", "rating", "model"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
"""The dimensions to group by, those of contributions and then those of turns."""
COUNTED_SCHEMA: Final = pa.schema(
    [
        ("day", pa.date32()),
        *((name, pa.large_string()) for name in DIMENSIONS[1:]),
        ("turns", pa.int64()),
    ]
)
"""What `count_batch` returns: the dimensions and the number of turns."""

_OF_TURNS: Final[tuple[Dimension, ...]] = ("rating", "model")
_SOURCE_COLUMNS: Final[dict[str, str]] = {"day": "received_at"}


def columns_of(by: Sequence[Dimension]) -> list[str]:
    """Return the columns that counting needs; of turns, as few fields as possible."""
    of_turns = [f"{CONVERSATION}.{name}" for name in by if name in _OF_TURNS]
    others = [_SOURCE_COLUMNS.get(name, name) for name in by if name not in _OF_TURNS]
    return [COUNTED_FIELD, *of_turns, *others]


def count_batch(batch: pa.RecordBatch, by: Sequence[Dimension]) -> pa.RecordBatch:
    """Return the dimensions of each contribution of a batch, and how many turns it has.

    By a dimension of turns, a contribution has a row for each value that its turns have, with the
    number of such turns.
    """
    of_turns = [name for name in by if name in _OF_TURNS]
    if of_turns:
        return _count_turns(batch, by, of_turns)
    return _dimensions(batch, by, turns=turns_of(batch))


def turns_of(batch: pa.RecordBatch) -> pa.Array:
    """Return the number of turns of each contribution of a batch."""
    return pc.list_value_length(batch.column(CONVERSATION))


def _count_turns(
    batch: pa.RecordBatch, by: Sequence[Dimension], of_turns: Sequence[Dimension]
) -> pa.RecordBatch:
    conversations = batch.column(CONVERSATION)
    flat = pc.list_flatten(conversations)
    columns = {"row": pc.list_parent_indices(conversations)}
    turns = pa.table(columns | {name: pc.struct_field(flat, name) for name in of_turns})
    keys = ["row", *of_turns]
    counts = turns.group_by(keys, use_threads=False).aggregate([([], "count_all")])
    row, *found, number = (column.combine_chunks() for column in counts.columns)
    known = dict(zip(of_turns, found, strict=True))
    return _dimensions(batch.take(row), by, turns=number, **known)


def _dimensions(
    batch: pa.RecordBatch, by: Sequence[Dimension], **known: pa.Array
) -> pa.RecordBatch:
    """Return the dimensions of a batch's rows, null if not grouped by, with the known columns."""
    if "day" in by:
        known["day"] = batch.column("received_at").cast(pa.date32())
    columns = {name: batch.column(name) for name in by if name not in known} | known
    nulls = {field.name: pa.nulls(batch.num_rows, field.type) for field in COUNTED_SCHEMA}
    return pa.RecordBatch.from_pydict(nulls | columns, schema=COUNTED_SCHEMA)
