"""Which fields of a table hold a value anywhere, by the counts that Iceberg keeps of each file."""

from collections.abc import Iterable, Iterator

from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.types import IcebergType, ListType, MapType, NestedField, StructType

Path = tuple[str, ...]
"""The names of a field and of the fields around it, outermost first; lists have no name."""


def fields_in(field: NestedField, around: Path = ()) -> Iterator[tuple[Path, NestedField]]:
    """Yield a field and all fields in it, each with its path, the outer ones first."""
    path = (*around, field.name)
    yield path, field
    for inner in parts_of(field.field_type):
        yield from fields_in(inner, path)


def parts_of(kind: IcebergType) -> tuple[NestedField, ...]:
    """Return the fields of a struct, or of the structs in a list; none for another type."""
    while isinstance(kind, ListType):
        kind = kind.element_type
    return kind.fields if isinstance(kind, StructType) else ()


def maybe_filled(schema: Schema, files: Iterable[DataFile]) -> set[Path]:
    """Return the paths of the fields that may have a value in a row of these files.

    A file that is older than a field has no count of it.
    """
    ids = {
        field_id
        for file in files
        for field_id, values in (file.value_counts or {}).items()
        if values > (file.null_value_counts or {}).get(field_id, 0)
    }
    return {
        path
        for column in schema.fields
        for path, field in fields_in(column)
        if not ids.isdisjoint(_leaf_ids(field.field_type, field.field_id))
    }


def _leaf_ids(kind: IcebergType, own_id: int) -> Iterator[int]:
    """Yield the ids of the columns that Parquet has for a field."""
    match kind:
        case StructType():
            for field in kind.fields:
                yield from _leaf_ids(field.field_type, field.field_id)
        case ListType():
            yield from _leaf_ids(kind.element_type, kind.element_id)
        case MapType():
            yield from (kind.key_id, kind.value_id)
        case _:
            yield own_id
