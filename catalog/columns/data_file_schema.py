"""The schema of a data file, which leaves out the optional fields that none of its rows fills.

In Iceberg, what a file lacks is null. Most rows have none of the optional fields, and a file with
all of them takes longer to open, and to read, than one without.
"""

from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.schema import Schema
from pyiceberg.types import ListType, NestedField, StructType

from catalog.schema import CONVERSATION, FIRST_OPTIONAL_ID


def filled_ids(schema: Schema, rows: pa.Table) -> set[int]:
    """Return the ids of the optional columns, and the optional fields of turns, with any value.

    Args:
        schema: The schema of the table.
        rows: Rows with the columns of the table.
    """
    columns = {field.field_id: rows[field.name] for field in schema.fields if _is_optional(field)}
    filled = {number for number, column in columns.items() if column.null_count < len(column)}
    of_turns = list(filter(_is_optional, _turn_fields(schema)))
    for conversations in rows[CONVERSATION].chunks if of_turns else ():
        turns = conversations.flatten()
        filled.update(
            field.field_id for field in of_turns if turns.field(field.name).null_count < len(turns)
        )
    return filled


def stored_ids(schema: Schema, file_schema: pa.Schema) -> set[int]:
    """Return the ids of the optional columns, and the optional fields of turns, that a file has.

    Args:
        schema: The schema of the table.
        file_schema: The schema of the file.
    """
    turn = file_schema.field(CONVERSATION).type.value_type
    turn_names = {field.name for field in turn}
    columns = [field for field in schema.fields if field.name in file_schema.names]
    of_turns = [field for field in _turn_fields(schema) if field.name in turn_names]
    return {field.field_id for field in (*columns, *of_turns) if _is_optional(field)}


def missing_fields(schema: Schema, rows: pa.Table) -> set[str]:
    """Return the names of the columns, and of the fields of turns, that a table's schema lacks.

    Args:
        schema: The schema of the table.
        rows: The rows that are to be written.
    """
    missing = set(rows.column_names) - set(schema.column_names)
    if CONVERSATION in rows.column_names:
        known = {field.name for field in _turn_fields(schema)}
        turn = rows.schema.field(CONVERSATION).type.value_type
        missing |= {field.name for field in turn} - known
    return missing


def without_unfilled(schema: Schema, filled: Collection[int]) -> Schema:
    """Return a schema without the optional columns and fields of turns that aren't filled.

    Args:
        schema: The schema of the table.
        filled: Ids of the optional ones that are.
    """
    return Schema(*_kept(schema, filled), identifier_field_ids=schema.identifier_field_ids)


def _kept(schema: Schema, filled: Collection[int]) -> Iterator[NestedField]:
    def is_kept(field: NestedField) -> bool:
        return not _is_optional(field) or field.field_id in filled

    for column in filter(is_kept, schema.fields):
        kind = column.field_type
        if column.name == CONVERSATION and isinstance(kind, ListType):
            turn = StructType(*filter(is_kept, _turn_fields(schema)))
            of_turns = kind.model_copy(update={"element_type": turn})
            yield column.model_copy(update={"field_type": of_turns})
        else:
            yield column


def fitted(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows with only the columns, and the fields of turns, that a schema has."""
    columns = [
        _with_fields(rows[field.name], field.type)
        if field.name == CONVERSATION
        else rows[field.name]
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _with_fields(column: pa.ChunkedArray, kind: pa.LargeListType) -> pa.ChunkedArray:
    fields = list(kind.value_type)
    chunks = []
    for conversations in column.chunks:
        turns = conversations.flatten()
        structs = pa.StructArray.from_arrays(
            [turns.field(field.name) for field in fields], fields=fields
        )
        offsets = pc.subtract(conversations.offsets, conversations.offsets[0])
        chunks.append(pa.LargeListArray.from_arrays(offsets, structs, type=kind))
    return pa.chunked_array(chunks, kind)


def _turn_fields(schema: Schema) -> tuple[NestedField, ...]:
    """Return the fields of turns; none for a table without conversations."""
    kinds = [column.field_type for column in schema.fields if column.name == CONVERSATION]
    return tuple(
        field
        for kind in kinds
        if isinstance(kind, ListType) and isinstance(kind.element_type, StructType)
        for field in kind.element_type.fields
    )


def _is_optional(field: NestedField) -> bool:
    return field.field_id >= FIRST_OPTIONAL_ID
