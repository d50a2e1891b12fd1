"""The first rows of a release, and what its manifest and the footers of its files tell of columns.

No more is read than a few rows and some footers, however large the release is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow.parquet as pq
from pyarrow.fs import FileSystem
from pyiceberg.types import IcebergType, StructType

from app.releases.counts.statistics import Frequencies
from app.releases.descriptions.card import type_name
from app.releases.files.published_rows import (
    PublishedFile,
    in_one_format,
    published_files,
    schema_of,
)
from app.releases.manifest import Manifest
from app.releases.rows.optional_fields import arrow_schema

MAX_ROW_GROUPS: Final = 128
"""Number of row groups whose statistics are read at most: those of some million rows."""

Bound = float | datetime


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """What is known of a column.

    Attributes:
        name: Name of the column; of a part of it, with the names of what it is a part of.
        type: What cards call its type.
        doc: What the column holds; "" where the schema doesn't say.
        nulls: Number of rows without a value; None where it isn't known.
        least: The least value of the column; None where there is none, or it is no number or time.
        most: The largest value of the column; None as for the least.
        median: The median of a column of numbers; None where the manifest doesn't tell.
        distinct: Number of different values; None where nobody counted them.
        distinct_is_least: Whether there may be more different values.
    """

    name: str
    type: str
    doc: str
    nulls: int | None = None
    least: Bound | None = None
    most: Bound | None = None
    median: float | None = None
    distinct: int | None = None
    distinct_is_least: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown of a release's rows.

    Attributes:
        rows: The first rows, by column.
        columns: What is known of the columns, in order.
        read_rows: Number of rows that `nulls`, `least` and `most` are of: those of the first files.
    """

    rows: list[dict[str, Any]]
    columns: Sequence[ColumnSummary]
    read_rows: int


@dataclass(slots=True)
class _Bounds:
    """Sums of what footers tell of a column."""

    nulls: int = 0
    values: list[Bound] = field(default_factory=list)


def preview(manifest: Manifest, filesystem: FileSystem, folder: str, rows: int) -> Preview:
    """Return the first rows of a release, and what is known of its columns.

    Args:
        manifest: The manifest of the release.
        filesystem: The Arrow file system that has the release.
        folder: The path of its folder there.
        rows: Number of rows.

    Raises:
        OSError: The files can't be read.
    """
    files = in_one_format(published_files(manifest, filesystem, folder))
    known, read_rows = _read_bounds([each for each in files if each.file.format == "parquet"])
    schema = arrow_schema(schema_of(manifest))
    first: list[dict[str, Any]] = []
    for each in files:
        if len(first) < rows:
            first += each.first_rows(schema, rows - len(first))
    return Preview(first, list(_summaries(manifest, known)), read_rows)


def _read_bounds(files: Sequence[PublishedFile]) -> tuple[dict[str, _Bounds], int]:
    """Return what footers tell by column, and the number of rows that they tell it of."""
    found: dict[str, _Bounds] = {}
    rows, left = 0, MAX_ROW_GROUPS
    for each in files:
        if not left:
            break
        with each.filesystem.open_input_file(each.path) as stream:
            metadata = pq.read_metadata(stream)
        for number in range(min(metadata.num_row_groups, left)):
            group = metadata.row_group(number)
            rows += group.num_rows
            left -= 1
            for place in range(metadata.num_columns):
                _add(found, group.column(place))
    return found, rows


def _add(found: dict[str, _Bounds], chunk: pq.ColumnChunkMetaData) -> None:
    statistics = chunk.statistics
    if statistics is None:
        return
    bounds = found.setdefault(chunk.path_in_schema, _Bounds())
    bounds.nulls += statistics.null_count or 0
    if statistics.has_min_max and not isinstance(statistics.min, str | bytes):
        bounds.values = [
            min([*bounds.values, statistics.min]),
            max([*bounds.values, statistics.max]),
        ]


def _summaries(manifest: Manifest, known: dict[str, _Bounds]) -> Iterator[ColumnSummary]:
    counted = _counted(manifest)
    for column in schema_of(manifest).fields:
        for name, kind, doc in _parts(column.name, column.field_type, column.doc or ""):
            bounds = known.get(name)
            values = bounds.values if bounds else []
            frequencies = counted.get(name, Frequencies())
            distinct = len(frequencies.counts) + frequencies.more
            yield ColumnSummary(
                name,
                type_name(kind),
                doc,
                nulls=bounds.nulls if bounds else None,
                least=values[0] if values else None,
                most=values[-1] if values else None,
                median=manifest.medians.get(name),
                distinct=distinct or None,
                distinct_is_least=frequencies.more_is_least,
            )


def _parts(name: str, kind: IcebergType, doc: str) -> Iterator[tuple[str, IcebergType, str]]:
    """Yield a column, or its parts if it is a struct: name, type and description."""
    if not isinstance(kind, StructType):
        yield name, kind, doc
        return
    for part in kind.fields:
        yield from _parts(f"{name}.{part.name}", part.field_type, part.doc or "")


def _counted(manifest: Manifest) -> dict[str, Frequencies]:
    """Return the frequencies of the values of columns that the manifest counts."""
    statistics = manifest.statistics
    languages = Frequencies(counts=manifest.languages)
    if statistics is None:
        return {"language": languages}
    return {
        "language": languages,
        "source": statistics.sources,
        "agent_id": statistics.agents,
        "licence": statistics.licences,
    }
