"""Finding the contributions of a batch among others, by their ids."""

from bisect import bisect_left, bisect_right
from operator import methodcaller
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from catalog.schema import ARROW_SCHEMA, ID

_value: Final = methodcaller("as_py")

NO_IDS: pa.Array = pa.array([], ARROW_SCHEMA.field(ID).type)
"""An empty list of ids."""


def is_among(ids: pa.Array | pa.ChunkedArray, ascending: pa.Array) -> pa.Array | pa.ChunkedArray:
    """Tell for each id whether it is in a sorted list.

    Only the part of the list between the lowest and the highest id is searched. It is short: the
    rows of a batch were received within moments, and ids sort in the order of receipt.

    Args:
        ids: The ids to look for, in any order.
        ascending: The list, in ascending order.

    Returns:
        A boolean for each id, chunked as `ids` is.
    """
    return pc.is_in(ids, ascending[_range_of(ids, ascending)])


def without(batch: pa.RecordBatch, ascending: pa.Array) -> pa.RecordBatch:
    """Return the rows of a batch whose contribution_id isn't in an ascending list of ids."""
    if not len(ascending) or not batch.num_rows:
        return batch
    near = ascending[_range_of(batch.column(ID), ascending)]
    return batch.filter(pc.invert(pc.is_in(batch.column(ID), near))) if len(near) else batch


def values_of(ids: pa.Array, table: pa.Table, name: str) -> pa.Array:
    """Return what a table has in a column for each contribution_id; null where it lacks the id.

    As by `is_among`, only the rows between the lowest and the highest id are searched.

    Args:
        ids: The contribution_ids to look for, in any order.
        table: Rows with the columns `contribution_id` and `name`, one for each id at most, in
            ascending order of the ids.
        name: Name of the column.
    """
    near = table[_range_of(ids, table[ID])]
    places = pc.index_in(ids, near[ID].combine_chunks().cast(ids.type))
    return near[name].combine_chunks().take(places)


def ids_between(ascending: pa.Array, first: str, last: str | None) -> pa.Array:
    """Return the ids of an ascending list from the first to the last one; None for no last one."""
    return ascending[_range_between(ascending, first, last)]


def _range_of(ids: pa.Array | pa.ChunkedArray, ascending: pa.Array | pa.ChunkedArray) -> slice:
    """Return where in a sorted list the ids from the lowest to the highest of some are."""
    bounds = pc.min_max(ids).as_py()
    if bounds["min"] is None:
        return slice(0)
    return _range_between(ascending, bounds["min"], bounds["max"])


def _range_between(ascending: pa.Array | pa.ChunkedArray, first: str, last: str | None) -> slice:
    start = bisect_left(ascending, first, key=_value)
    end = len(ascending) if last is None else bisect_right(ascending, last, key=_value)
    return slice(start, max(start, end))
