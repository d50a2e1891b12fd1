"""Schemas whose times have another type, for programs that would change or refuse times."""

import pyarrow as pa


def with_times_as(kind: pa.DataType, schema: pa.Schema) -> pa.Schema:
    """Return a schema in which every time, at any depth, has another type."""
    return pa.schema(field.with_type(_replaced(field.type, kind)) for field in schema)


def _replaced(old: pa.DataType, kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(old):
        return kind
    if pa.types.is_large_list(old):
        return pa.large_list(old.value_field.with_type(_replaced(old.value_type, kind)))
    if pa.types.is_struct(old):
        return pa.struct([field.with_type(_replaced(field.type, kind)) for field in old])
    return old
