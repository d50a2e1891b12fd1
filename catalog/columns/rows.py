"""Rows as plain values; contributions without the optional fields that nobody filled."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from catalog.schema import ALWAYS_PRESENT, CONVERSATION


def every_column(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the rows of a batch as dicts with all columns; a column of maps has dicts, too."""
    rows: list[dict[str, Any]] = batch.to_pylist()
    # Arrow's own option for this makes it three times as slow, also where there is no map.
    for field in batch.schema:
        if pa.types.is_map(field.type):
            for row in rows:
                row[field.name] = row[field.name] and dict(row[field.name])
    return rows


def plain_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return contributions as dicts, of which optional columns and fields that are null are absent.

    So a contribution that has none of the optional fields looks as it did before there were any.

    Args:
        batch: Some columns of the raw table.
    """
    filled = _filled(batch)
    rows = every_column(filled)
    if ALWAYS_PRESENT.issuperset(_names(filled)):
        return rows
    return [_given(row) for row in rows]


def _filled(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Leave out the optional columns and fields of turns that are null in all rows.

    Making plain values of them and leaving these out one by one would take several times as long.
    """
    columns = {
        name: _with_filled_fields(column) if name == CONVERSATION else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if name in ALWAYS_PRESENT or column.null_count < len(column)
    }
    # Column by column, so that a batch of which no column is left still has its rows.
    filled: pa.RecordBatch = batch.select([])
    for name, column in columns.items():
        filled = filled.append_column(name, column)
    return filled


def _with_filled_fields(conversations: pa.LargeListArray) -> pa.LargeListArray:
    turns = conversations.flatten()
    fields = {
        field.name: values
        for field, values in zip(turns.type, turns.flatten(), strict=True)
        if field.name in ALWAYS_PRESENT or values.null_count < len(values)
    }
    offsets = pc.subtract(conversations.offsets, conversations.offsets[0])
    return pa.LargeListArray.from_arrays(
        offsets, pa.StructArray.from_arrays(list(fields.values()), list(fields))
    )


def _names(batch: pa.RecordBatch) -> set[str]:
    names = set(batch.schema.names)
    if CONVERSATION in names:
        names.update(field.name for field in batch.schema.field(CONVERSATION).type.value_type)
    return names


def _given(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _given(part)
            for name, part in value.items()
            if part is not None or name in ALWAYS_PRESENT
        }
    if isinstance(value, list):
        return [_given(part) for part in value]
    return value
