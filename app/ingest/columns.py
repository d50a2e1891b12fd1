"""Submissions as columns: many lines of JSON are parsed and checked at once, by Arrow.

Arrow's reader is told the type that the contract's schema describes. It refuses what isn't JSON,
values of other types, unknown keys, and keys that come twice. What it accepts is checked column by
column. Meanwhile the interpreter's lock is free, so that two chunks of lines use two processors.

Lines for which there are no columns aren't necessarily wrong: `app.ingest.decode` is to judge each.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from marshmallow import Schema, fields

from app.ingest.contract import Items, SubmissionSchema, Text
from app.ingest.decode import cover_derived_type, is_plain
from app.ingest.derive import constraints, patterns
from app.ingest.lines import Lines
from app.ingest.strict_json import JsonLimits

_REFUSED_ESCAPES: Final = (b"\\u000", b"\\u001")
"""NUL, which no text may hold, and control characters, which DuckDB and RFC 8785 escape otherwise.

No text of JSON can hold them unescaped.
"""


_JUDGED_LINE_BY_LINE: Final = {
    *("reasoning", "tool_calls", "tool_call_id", "name", "model", "attachments", "alternatives"),
    *("created_at", "title", "client", "licence", "tools", "labels"),
}


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
        turns = pc.max(pc.list_value_length(columns["conversation"])).as_py()
        _demand(turns <= limits.max_turns)
        return pa.table(columns)
    except _NotPlainError:
        return None


def suits_columns(line: bytes, limits: JsonLimits) -> bool:
    """Tell, at half the cost of decoding a line by itself, whether it hinders `read_columns`."""
    return is_plain(line, limits) and not any(escape in line for escape in _REFUSED_ESCAPES)


def _demand(is_so: bool) -> None:
    if not is_so:
        raise _NotPlainError


def _parse(lines: Lines) -> pa.Table:
    # Arrow reads objects one after the other, however many are in a line. A line feed between a
    # closing and an opening brace is never within an object, so each line begins at least one.
    # Nor is the first value null, at which Arrow 25 crashes.
    _demand(bool(lines.are_braced.all()))
    _demand(not (lines.hold(b"\\u00") and any(map(lines.hold, _REFUSED_ESCAPES))))
    text = lines.span
    try:
        table = pa.json.read_json(
            pa.BufferReader(text),
            pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1),
            _PARSE_OPTIONS,
        )
        _demand(table.num_rows == len(lines))
        # The reader takes texts that aren't UTF-8.
        table.validate(full=True)
    except pa.ArrowInvalid as error:
        raise _NotPlainError from error
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
    match field:
        case Text():
            return _loaded_text(field, column)
        case fields.Boolean():
            return pc.coalesce(column, pa.scalar(field.load_default))
        case Items(inner=fields.Nested() as inner):
            return _loaded_list(field, inner.schema, column)
    raise TypeError(f"{field!r} has no counterpart in Arrow yet")


def _loaded_text(field: Text, column: pa.Array) -> pa.Array:
    if not field.required and pc.any(pc.equal(column, "")).as_py():
        column = pc.if_else(pc.equal(column, ""), None, column)
    limits, rules = constraints(field), patterns(field)
    if limits or rules:
        # Most columns with rules have few different values.
        values = [value for value in column.unique().to_pylist() if value is not None]
        _demand_lengths(map(len, values), limits)
        _demand("choices" not in limits or set(limits["choices"]).issuperset(values))
        _demand(all(rule.match(value) for rule in rules for value in values))
    return column


def _loaded_list(field: fields.Field[Any], schema: Schema, column: pa.Array) -> pa.ListArray:
    _demand_lengths(pc.list_value_length(column).unique().to_pylist(), constraints(field))
    items = column.values
    _demand(items.null_count == 0)
    columns = {child.name: items.field(child.name) for child in items.type}
    loaded = _loaded(schema, columns)
    structs = pa.StructArray.from_arrays(list(loaded.values()), names=list(loaded))
    return pa.ListArray.from_arrays(column.offsets, structs)


def _demand_lengths(lengths: Iterable[int], limits: Mapping[str, int]) -> None:
    least, most = limits.get("min_length", 0), limits.get("max_length")
    _demand(all(least <= length and (most is None or length <= most) for length in lengths))


def _arrow_fields(schema: Schema) -> list[pa.Field]:
    return [
        pa.field(field.data_key or name, _arrow_type(field))
        for name, field in schema.fields.items()
        if name not in _JUDGED_LINE_BY_LINE
    ]


def _arrow_type(field: fields.Field[Any]) -> pa.DataType:
    match field:
        case Text():
            return pa.large_string()
        case fields.Boolean():
            return pa.bool_()
        case Items(inner=fields.Nested() as inner):
            return pa.list_(pa.struct(_arrow_fields(inner.schema)))
    raise TypeError(f"{field!r} has no counterpart in Arrow yet")


_schema: Final = SubmissionSchema()
_PARSE_OPTIONS: Final = pa.json.ParseOptions(
    explicit_schema=pa.schema(_arrow_fields(_schema)), unexpected_field_behavior="error"
)
