"""Submissions as columns: many lines of JSON are parsed and checked at once, by Arrow.

Arrow's reader is told the type that the contract's schema describes. It refuses what isn't JSON,
values of other types, unknown keys, and keys that come twice. What it accepts is checked column by
column. Meanwhile the interpreter's lock is free, so that two chunks of lines use two processors.

Lines for which there are no columns aren't necessarily wrong:
`app.ingest.decoding.contributions` is to judge each.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from marshmallow import Schema, fields

from app.ingest.contract import Items, Labels, SubmissionSchema, Text, Time, time_from
from app.ingest.contract.turns import TurnSchema
from app.ingest.decoding.buffers import buffer_of
from app.ingest.decoding.content_hashes import FIRST_FIELDS
from app.ingest.decoding.contributions import cover_derived_type, plain_fields
from app.ingest.decoding.derive import constraints, patterns
from app.ingest.decoding.strict_json import JsonLimits
from app.ingest.uploads.lines import Lines


class _NotPlainError(Exception):
    """At least one of the lines is to be judged by itself."""


def read_columns(lines: Lines, limits: JsonLimits) -> pa.Table | None:
    """Return the fields of submissions as the schema loads them, if all lines are plainly right.

    Args:
        lines: One submission in each.
        limits: How large a submission may be.

    Returns:
        A column for each field of the schema, and a row for each line. None if at least one line is
        to be judged by itself.
    """
    try:
        # A line can't have more brackets than bytes.
        _demand(cover_derived_type(limits) and lines.max_bytes <= limits.max_brackets)
        columns = _loaded(_schema, _arrays(_parse(lines)))
        _demand(_most_turns(columns["conversation"]) <= limits.max_turns)
        return pa.table(columns)
    except (_NotPlainError, pa.ArrowInvalid):
        return None


def suits_columns(line: bytes, limits: JsonLimits) -> bool:
    """Tell, at half the cost of decoding a line by itself, whether it hinders `read_columns`."""
    fields = plain_fields(line, limits)
    return fields is not None and all(fields.get(name) is None for name in _WITHOUT_COLUMNS)


def _most_turns(conversations: pa.ListArray) -> int:
    """Return the number of turns of the longest conversation, with those of alternatives."""
    bounds = np.asarray(conversations.offsets)
    turns = np.diff(bounds)
    if conversations.values.type.get_field_index("alternatives") >= 0:
        alternatives = conversations.values.field("alternatives")
        # Up to each turn, and up to each conversation.
        others = np.asarray(alternatives.values.offsets)[np.asarray(alternatives.offsets)]
        turns = turns + np.diff(others[bounds])
    return int(turns.max(initial=0))


def _demand(is_so: bool) -> None:
    if not is_so:
        raise _NotPlainError


def _parse(lines: Lines) -> pa.Table:
    # Arrow reads objects one after the other, however many are in a line. A line feed between a
    # closing and an opening brace is never within an object, so each line begins at least one.
    # Nor is the first value null, at which Arrow 25 crashes.
    _demand(bool(lines.are_braced.all()))
    try:
        table = _read_json(lines, _WITH_FIRST_FIELDS)
    except pa.ArrowInvalid:
        table = _read_json(lines, _WITH_ALL_FIELDS)
    return table


def _read_json(lines: Lines, options: pa.json.ParseOptions) -> pa.Table:
    text = lines.span
    table = pa.json.read_json(
        pa.BufferReader(text),
        pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1),
        options,
    )
    _demand(table.num_rows == len(lines))
    # The reader takes texts that aren't UTF-8.
    table.validate(full=True)
    return table


def _arrays(table: pa.Table) -> dict[str, pa.Array]:
    return {name: table[name].combine_chunks() for name in table.column_names}


def _loaded(schema: Schema, columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Return what a schema loads from columns, by the names of its fields."""
    return {
        name: _loaded_field(field, columns[key])
        for name, field in schema.fields.items()
        if (key := field.data_key or name) in columns
    }


def _loaded_field(field: fields.Field[Any], column: pa.Array) -> pa.Array:
    if field.required:
        _demand(column.null_count == 0)
    elif column.null_count == len(column) and field.load_default is None:
        return column
    match field:
        case Time():
            return _loaded_time(column)
        case Text():
            return _loaded_text(field, column)
        case fields.Boolean():
            return pc.coalesce(column, pa.scalar(field.load_default))
        case fields.Integer():
            return _loaded_number(field, column)
    return _loaded_several(field, column)


def _loaded_several(field: fields.Field[Any], column: pa.Array) -> pa.Array:
    match field:
        case fields.Nested():
            return _loaded_object(field.schema, column)
        case Items(inner=inner):
            return _loaded_list(field, inner, column)
    raise TypeError(f"{field!r} has no counterpart in Arrow yet")


def _loaded_number(field: fields.Integer, column: pa.Int64Array) -> pa.Int64Array:
    limits, found = constraints(field), pc.min_max(column)
    _demand(limits["ge"] <= found["min"].as_py() and found["max"].as_py() <= limits["le"])
    return column


def _loaded_time(column: pa.Array) -> pa.TimestampArray:
    encoded = column.dictionary_encode()
    times = [text and time_from(text) for text in encoded.dictionary.to_pylist()]
    _demand(None not in times)
    # An empty text is one that is left out.
    values = pa.array([time or None for time in times], pa.timestamp("us", "UTC"))
    return values.take(encoded.indices)


def _loaded_text(field: Text, column: pa.Array) -> pa.Array:
    if not field.required and pc.any(pc.equal(column, "")).as_py():
        column = pc.if_else(pc.equal(column, ""), None, column)
    bounds, text = buffer_of(column)
    # Unescaped, a NUL isn't JSON. The least byte tells whether there is an escaped one.
    _demand(np.frombuffer(text, np.uint8)[bounds[0] : bounds[-1]].min(initial=1) > 0)
    limits, rules = constraints(field), patterns(field)
    if limits or rules:
        # Most columns with rules have few different values.
        values = [value for value in column.unique().to_pylist() if value is not None]
        _demand_lengths(map(len, values), limits)
        _demand("choices" not in limits or set(limits["choices"]).issuperset(values))
        _demand(all(rule.match(value) for rule in rules for value in values))
    return column


def _loaded_object(schema: Schema, column: pa.StructArray) -> pa.StructArray:
    # The fields of an object that is null are null, too, whether they are required or not.
    given = column.drop_null()
    loaded = _loaded(schema, {field.name: given.field(field.name) for field in given.type})
    objects = pa.StructArray.from_arrays(list(loaded.values()), names=list(loaded))
    if len(given) == len(column):
        return objects
    are_given = column.is_valid().to_numpy(zero_copy_only=False)
    return objects.take(pa.array(np.cumsum(are_given) - 1, mask=~are_given))


def _loaded_list(field: Items, inner: fields.Field[Any], column: pa.ListArray) -> pa.ListArray:
    lengths = pc.list_value_length(column)
    _demand_lengths(lengths.drop_null().unique().to_pylist(), constraints(field))
    _demand(column.values.null_count == 0)
    # An empty list is one that is left out; a field that has to have items has no empty ones.
    mask = None if field.required else pc.coalesce(pc.equal(lengths, 0), pa.scalar(True))
    return pa.ListArray.from_arrays(column.offsets, _loaded_field(inner, column.values), mask=mask)


def _demand_lengths(lengths: Iterable[int], limits: Mapping[str, int]) -> None:
    least, most = limits.get("min_length", 0), limits.get("max_length")
    _demand(all(least <= length and (most is None or length <= most) for length in lengths))


def _has_column(field: fields.Field[Any]) -> bool:
    # Arrow reads objects with any keys only if they are spelt as lists.
    return not isinstance(field, Labels)


def _arrow_fields(schema: Schema, *, is_narrow: bool) -> list[pa.Field]:
    first = FIRST_FIELDS if is_narrow and isinstance(schema, TurnSchema) else schema.fields
    return [
        pa.field(field.data_key or name, _arrow_type(field, is_narrow=is_narrow))
        for name, field in schema.fields.items()
        if name in first and _has_column(field)
    ]


def _arrow_type(field: fields.Field[Any], *, is_narrow: bool) -> pa.DataType:
    match field:
        case Text():
            return pa.large_string()
        case fields.Boolean():
            return pa.bool_()
        case fields.Integer():
            return pa.int64()
        case fields.Nested():
            return pa.struct(_arrow_fields(field.schema, is_narrow=is_narrow))
        case Items(inner=inner):
            return pa.list_(_arrow_type(inner, is_narrow=is_narrow))
    raise TypeError(f"{field!r} has no counterpart in Arrow yet")


def _options(*, is_narrow: bool) -> pa.json.ParseOptions:
    schema = pa.schema(_arrow_fields(_schema, is_narrow=is_narrow))
    return pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")


_schema: Final = SubmissionSchema()
_WITHOUT_COLUMNS: Final = [name for name, field in _schema.fields.items() if not _has_column(field)]
# Most lines have the first fields of turns only, and the reader takes time for each that is absent.
_WITH_FIRST_FIELDS: Final = _options(is_narrow=True)
_WITH_ALL_FIELDS: Final = _options(is_narrow=False)
