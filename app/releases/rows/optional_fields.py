"""The optional fields of a release: it has only those that one of its rows fills.

So a release of rows without them has the bytes that it had before the fields were known. Which
fields are filled is known once all rows were seen, so rows with optional fields are written to a
temporary file first.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from tempfile import NamedTemporaryFile
from typing import Any, Final

import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema
from pyiceberg.types import IcebergType, ListType, NestedField, StructType

from catalog.manifests.filled import Path, fields_in

_FIRST_NULLABLE: Final = frozenset(
    {
        *((name,) for name in ("source", "contributor_id", "attribution", "sequence_number")),
        *((name,) for name in ("prompt_template", "chat_template")),
        *(("conversation", name) for name in ("role", "rating", "edited_content")),
        *(("feedback", name) for name in ("rating", "edited_content")),
    }
)
"""The nullable fields that releases have whether a row fills them or not."""
_COMPRESSED: Final = pa.ipc.IpcWriteOptions(compression="lz4")


def is_optional(path: Path, *, is_nullable: bool) -> bool:
    """Tell whether a release has a field only if one of its rows fills it."""
    return is_nullable and path not in _FIRST_NULLABLE


def optional_paths(schema: Schema) -> set[Path]:
    """Return the paths of the optional fields of a schema."""
    return {
        path
        for column in schema.fields
        for path, field in fields_in(column)
        if is_optional(path, is_nullable=not field.required)
    }


def without_empty(schema: Schema, filled: Collection[Path]) -> Schema:
    """Return a schema without the optional fields that aren't filled."""
    return Schema(*_kept(schema.fields, filled), identifier_field_ids=schema.identifier_field_ids)


def arrow_schema(schema: Schema) -> pa.Schema:
    """Return the Arrow schema of rows with an Iceberg schema."""
    return schema_to_pyarrow(schema, include_field_ids=False)


class NullPruner:
    """Removes optional fields that are null from rows as Python objects.

    Every row keeps all columns: some readers know only those of the first rows.
    """

    def __init__(self, schema: pa.Schema) -> None:
        """Prepare for rows with this schema."""
        _, self._inner = _nullable_parts(schema, ())

    def prune(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Remove the fields from rows, and return these."""
        if self._inner:
            _prune(rows, [], self._inner)
        return rows


@contextmanager
def filled_fields_only(
    schema: Schema, batches: Iterable[pa.RecordBatch], folder: FilePath
) -> Iterator[tuple[Schema, Iterator[pa.RecordBatch]]]:
    """Yield the schema of all fields that rows fill, and the rows in that schema.

    Args:
        schema: The schema of the rows. Where it has no optional field, they are passed on.
        batches: The rows.
        folder: Where the temporary file is made, which holds the rows in compressed form.
    """
    optional = optional_paths(schema)
    if not optional:
        yield schema, iter(batches)
        return
    with NamedTemporaryFile(dir=folder) as file:
        filled: set[Path] = set()
        with pa.ipc.new_stream(file, arrow_schema(schema), options=_COMPRESSED) as writer:
            for batch in batches:
                filled.update(_filled_in(batch, optional))
                writer.write_batch(batch)
        file.flush()
        file.seek(0)
        narrow = without_empty(schema, filled)
        with pa.ipc.open_stream(file) as reader:
            yield narrow, _narrowed(reader, arrow_schema(narrow))


def _nullable_parts(fields: Iterable[pa.Field], around: Path) -> tuple[list[str], dict[str, Any]]:
    """Return which of some fields are optional, and the same of the fields in each of them."""
    optional, inner = [], {}
    for field in fields:
        path, kind = (*around, field.name), field.type
        if is_optional(path, is_nullable=field.nullable):
            optional.append(field.name)
        while pa.types.is_large_list(kind):
            kind = kind.value_type
        if pa.types.is_struct(kind):
            parts = _nullable_parts(kind, path)
            if any(parts):
                inner[field.name] = parts
    return optional, inner


def _prune(value: Any, optional: list[str], inner: dict[str, Any]) -> None:
    if isinstance(value, list):
        for element in value:
            _prune(element, optional, inner)
        return
    for name in optional:
        if value[name] is None or value[name] == []:
            del value[name]
    for name, parts in inner.items():
        if value.get(name) is not None:
            _prune(value[name], *parts)


def _narrowed(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.select(schema.names).cast(schema)


def _kept(
    fields: Iterable[NestedField], filled: Collection[Path], around: Path = ()
) -> Iterator[NestedField]:
    for field in fields:
        path = (*around, field.name)
        if path in filled or not is_optional(path, is_nullable=not field.required):
            kind = _narrow_type(field.field_type, filled, path)
            yield field.model_copy(update={"field_type": kind})


def _narrow_type(kind: IcebergType, filled: Collection[Path], path: Path) -> IcebergType:
    if isinstance(kind, ListType):
        element = _narrow_type(kind.element_type, filled, path)
        return ListType(kind.element_id, element, element_required=kind.element_required)
    if isinstance(kind, StructType):
        return StructType(*_kept(kind.fields, filled, path))
    return kind


def _filled_in(batch: pa.RecordBatch, wanted: Collection[Path]) -> set[Path]:
    """Return those of the wanted fields that have a value in a batch."""
    return {
        path
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        for path in _paths_in(column, (name,))
        if path in wanted
    }


def _paths_in(values: pa.Array, path: Path) -> Iterator[Path]:
    while pa.types.is_large_list(values.type):
        values = values.flatten()
    if values.null_count == len(values):
        return
    yield path
    if pa.types.is_struct(values.type):
        for part, column in zip(values.type, values.flatten(), strict=True):
            yield from _paths_in(column, (*path, part.name))
