"""The texts of a table at any depth: in lists, structs and maps.

They are taken out, so that all texts of a batch are cleaned at once, and put back in the same
order. What holds no text is passed over, so a column of nulls costs nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import VISIBLE, Indices, as_lists

_CLOSED: Final = frozenset({"role", "rating"})
"""Fields whose values are words of a closed list once a row is cleaned."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """The texts of one field.

    Attributes:
        name: The name of the field.
        texts: The texts, which may be null.
        row: Index of the table's row that each text is in.
    """

    name: str
    texts: pa.Array
    row: Indices


def leaves_of(table: pa.RecordBatch) -> Iterator[Leaf]:
    """Yield the leaves of a table that have a text."""
    rows = np.arange(table.num_rows)
    for field, values in zip(table.schema, table.columns, strict=True):
        yield from _leaves(field, values, rows)


def with_leaves(table: pa.RecordBatch, texts: Iterator[pa.Array]) -> pa.RecordBatch:
    """Return a table with other texts.

    A text that shows nothing becomes null where it may be. Of labels with the same key the first
    stays, and one without a key goes.

    Args:
        table: The table.
        texts: The texts of its leaves, in the order of `leaves_of`.
    """
    columns = [
        _rebuilt(field, values, texts)
        for field, values in zip(table.schema, table.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def _leaves(field: pa.Field, values: pa.Array, rows: Indices) -> Iterator[Leaf]:
    kind = values.type
    if values.null_count == len(values) or field.name in _CLOSED:
        return
    if pa.types.is_large_string(kind):
        yield Leaf(field.name, values, rows)
    elif pa.types.is_large_list(kind):
        parents = rows[pc.list_parent_indices(values).to_numpy()]
        yield from _leaves(kind.value_field, pc.list_flatten(values), parents)
    elif pa.types.is_struct(kind):
        for inner in kind:
            yield from _leaves(inner, pc.struct_field(values, inner.name), rows)
    elif pa.types.is_map(kind):
        yield from _leaves(_entries_field(kind), _entries(values), rows)


def _rebuilt(field: pa.Field, values: pa.Array, texts: Iterator[pa.Array]) -> pa.Array:
    kind = values.type
    if values.null_count == len(values) or field.name in _CLOSED:
        return values
    if pa.types.is_large_string(kind):
        return _shown(next(texts)) if field.nullable else next(texts)
    if pa.types.is_large_list(kind):
        inner = _rebuilt(kind.value_field, pc.list_flatten(values), texts)
        return as_lists(inner, pc.list_value_length(values), kind)
    if pa.types.is_struct(kind):
        columns = [_rebuilt(each, pc.struct_field(values, each.name), texts) for each in kind]
        return pa.StructArray.from_arrays(columns, fields=list(kind), mask=values.is_null())
    if pa.types.is_map(kind):
        entries = _rebuilt(_entries_field(kind), _entries(values), texts)
        return pa.array(map(_first_of_each_key, entries.to_pylist()), kind)
    return values


def _shown(texts: pa.Array) -> pa.Array:
    visible = pc.match_substring_regex(texts, VISIBLE)
    return pc.if_else(visible, texts, pa.scalar(None, texts.type))


def _entries_field(kind: pa.MapType) -> pa.Field:
    return pa.field("entries", pa.large_list(pa.struct([kind.key_field, kind.item_field])))


def _entries(maps: pa.MapArray) -> pa.Array:
    """Return maps as lists of structs, for which Arrow has functions."""
    return maps.cast(_entries_field(maps.type).type)


def _first_of_each_key(entries: list[dict[str, Any]] | None) -> list[tuple[str, Any]] | None:
    merged: dict[str, Any] = {}
    for entry in entries or ():
        key, value = entry.values()
        if key:
            merged.setdefault(key, value)
    return list(merged.items()) or None
