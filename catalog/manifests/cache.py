"""A cache of Iceberg's manifests in this process; a manifest never changes once it is written.

A plan needs the manifest list of its snapshot and the files of most manifests. Reading them for
each request would take longer than reading the rows that it asks for. What plans need of a manifest
is kept as columns of Arrow: pyiceberg's objects take ten times the memory, and looking at them one
by one takes a hundred times as long.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from threading import Lock
from typing import Any, Final

import pyarrow as pa
from cachetools import LRUCache
from pyiceberg.avro.file import AvroFile
from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.expressions.visitors import (
    bind,
    inclusive_projection,
    manifest_evaluator,
    rewrite_not,
)
from pyiceberg.manifest import (
    MANIFEST_ENTRY_SCHEMAS,
    DataFile,
    DataFileContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.types import LongType, NestedField, StringType, TimestamptzType

from catalog.errors import DeleteFilesUnsupported
from catalog.manifests.pruning import LOWER, NULLS, ROWS, UPPER, may_match

PATH: Final = "path"
DAY: Final = "day"
SIZE_BYTES: Final = "size_bytes"
COMMIT_NUMBER: Final = "commit_number"

CACHED_BYTES: Final = 64 * 1024 * 1024
"""Size of the cached columns, at about 460 bytes a data file: enough for 140,000 files.

A worker may take 400 MiB, of which some 200 are its libraries. When a plan needs more than the
cache holds, it reads those manifests again.
"""
_CACHED_LISTS: Final = 8
_EVERY_FILE: Final = AlwaysTrue()
_FORMAT_VERSION: Final = 2
_READ_TYPES: Final[dict[int, Callable[..., Any]]] = {-1: ManifestEntry, 2: DataFile}
_READ_ENUMS: Final[dict[int, Callable[..., Any]]] = {0: ManifestEntryStatus, 134: DataFileContent}
"""By the ids of the fields: https://iceberg.apache.org/spec/#manifests"""
_ALWAYS: Final = {
    PATH: pa.string(),
    DAY: pa.int32(),
    ROWS: pa.int64(),
    SIZE_BYTES: pa.int64(),
    COMMIT_NUMBER: pa.int64(),
}

_lists: Final[LRUCache[str, list[ManifestFile]]] = LRUCache(_CACHED_LISTS)
_files: Final[LRUCache[str, pa.Table]] = LRUCache(
    CACHED_BYTES, getsizeof=lambda files: int(files.get_total_buffer_size())
)
_lock: Final = Lock()
"""Held during look-ups only, not while reading: two requests may read the same manifest at once."""


def clear() -> None:
    """Empty the cache."""
    with _lock:
        _lists.clear()
        _files.clear()


def cached_bytes() -> int:
    """Return the size of the cached columns in this process."""
    return int(_files.currsize)


def manifests_of(table: Table, snapshot: Snapshot) -> list[ManifestFile]:
    """Return the manifests of a live snapshot."""
    with _lock:
        manifests = _lists.get(snapshot.manifest_list)
    if manifests is None:
        manifests = snapshot.manifests(table.io)
        with _lock:
            _lists[snapshot.manifest_list] = manifests
    return manifests


def files_of(
    table: Table,
    snapshot: Snapshot,
    row_filter: BooleanExpression = _EVERY_FILE,
    after: int = 0,
) -> Iterator[pa.Table]:
    """Yield the data files of a snapshot that may hold matching rows, manifest by manifest.

    Args:
        table: Any table of the lake.
        snapshot: A live snapshot of the table.
        row_filter: The condition that rows have to meet.
        after: Manifests without a row above this sequence number aren't opened.

    Yields:
        Columns, see `files_in`.

    Raises:
        DeleteFilesUnsupported: Another engine has written delete files.
    """
    condition = bind(table.schema(), rewrite_not(row_filter), case_sensitive=True)
    may_hold = _manifest_filter(table, row_filter)
    for manifest in manifests_of(table, snapshot):
        # No file is newer than the manifest that lists it.
        if manifest.sequence_number <= after or not may_hold(manifest):
            continue
        files = files_in(table, manifest)
        if files is None:
            raise DeleteFilesUnsupported(snapshot.snapshot_id)
        yield files.filter(may_match(files, condition))


def files_in(table: Table, manifest: ManifestFile) -> pa.Table | None:
    """Return the data files that a manifest adds or keeps.

    Returns:
        A row for each file. `path`; `day`, its partition, in days since 1970; `rows`; `size_bytes`;
        `commit_number`, its data sequence number. For each column with texts, whole numbers or
        times, by the id of the column's field: `lower.ID` and `upper.ID`, the bounds of its values,
        with times in microseconds since 1970, and `nulls.ID`, its number of nulls. Null where the
        manifest doesn't tell; missing where it doesn't for any file. None if the manifest lists
        files with deletes.
    """
    with _lock:
        files = _files.get(manifest.manifest_path)
    if files is None:
        files = _read(table, manifest)
        if files is None:
            return None
        with _lock:
            # A manifest that is larger than the cache is read each time.
            if files.get_total_buffer_size() <= _files.maxsize:
                _files[manifest.manifest_path] = files
    return files


def column_of(files: pa.Table, kind: str, field: NestedField) -> pa.ChunkedArray:
    """Return what manifests tell of a column of files; null for each where they don't tell.

    Args:
        files: The files, as `files_in` returns them.
        kind: What is told: `lower.`, `upper.` or `nulls.`.
        field: The field of the column.
    """
    name = f"{kind}{field.field_id}"
    if name in files.column_names:
        return files[name]
    return pa.chunked_array([pa.nulls(len(files), _kind_of(kind, field))])


def _kind_of(kind: str, field: NestedField) -> pa.DataType:
    is_text = isinstance(field.field_type, StringType) and kind != NULLS
    return pa.string() if is_text else pa.int64()


def _manifest_filter(table: Table, row_filter: BooleanExpression) -> Callable[[ManifestFile], bool]:
    """Return what tells, by the days of its files, whether a manifest may hold matching rows."""
    schema, specs = table.schema(), table.specs()
    filters = {
        spec_id: manifest_evaluator(
            spec, schema, inclusive_projection(schema, spec)(row_filter), case_sensitive=True
        )
        for spec_id, spec in specs.items()
    }
    return lambda manifest: filters[manifest.partition_spec_id](manifest)


def _read(table: Table, manifest: ManifestFile) -> pa.Table | None:
    """Read a manifest, with pyiceberg's objects of one file in memory at a time."""
    bounded = _bounded_fields(table.schema())
    columns: dict[str, list[Any]] = {name: [] for name in _possible_columns(bounded)}
    with AvroFile[ManifestEntry](
        table.io.new_input(manifest.manifest_path),
        MANIFEST_ENTRY_SCHEMAS[_FORMAT_VERSION],
        read_types=_READ_TYPES,
        read_enums=_READ_ENUMS,
    ) as entries:
        for entry in entries:
            if entry.status is ManifestEntryStatus.DELETED:
                continue
            if entry.data_file.content is not DataFileContent.DATA:
                return None
            kept = _kept_of(entry, manifest, bounded)
            for name, values in columns.items():
                values.append(kept.get(name))
    read = pa.Table.from_pydict(columns, schema=pa.schema(_possible_columns(bounded)))
    told = [name for name in columns if name in _ALWAYS or read[name].null_count < len(read)]
    return read.select(told)


def _possible_columns(bounded: Mapping[int, NestedField]) -> dict[str, pa.DataType]:
    columns = dict(_ALWAYS)
    for kind, (field_id, field) in product((LOWER, UPPER, NULLS), bounded.items()):
        columns[f"{kind}{field_id}"] = _kind_of(kind, field)
    return columns


def _kept_of(
    entry: ManifestEntry, manifest: ManifestFile, bounded: Mapping[int, NestedField]
) -> dict[str, Any]:
    file, number = entry.data_file, entry.sequence_number
    kept = {
        PATH: file.file_path,
        DAY: file.partition[0],
        ROWS: file.record_count,
        SIZE_BYTES: file.file_size_in_bytes,
        # https://iceberg.apache.org/spec/#sequence-number-inheritance
        COMMIT_NUMBER: manifest.sequence_number if number is None else number,
    }
    for prefix, values in ((LOWER, file.lower_bounds), (UPPER, file.upper_bounds)):
        for field_id in (values or {}).keys() & bounded.keys():
            kept[f"{prefix}{field_id}"] = _decoded(bounded[field_id], values[field_id])
    for field_id in (file.null_value_counts or {}).keys() & bounded.keys():
        kept[f"{NULLS}{field_id}"] = file.null_value_counts[field_id]
    return kept


def _bounded_fields(schema: Schema) -> dict[int, NestedField]:
    """Return the columns whose bounds are kept, by the ids of their fields."""
    kinds = (StringType, LongType, TimestamptzType)
    return {field.field_id: field for field in schema.fields if isinstance(field.field_type, kinds)}


def _decoded(field: NestedField, bound: bytes) -> str | int:
    """Return a bound: https://iceberg.apache.org/spec/#binary-single-value-serialization."""
    if isinstance(field.field_type, StringType):
        return bound.decode()
    return int.from_bytes(bound, "little", signed=True)
