"""Reading the rows of a published release from its files alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import FileSystem, LocalFileSystem
from pyiceberg.schema import Schema

from app.releases.manifest import Manifest, ReleaseFile
from app.releases.rows.optional_fields import arrow_schema
from app.releases.rows.times import with_times_as

READ_ROWS: Final = 16_384
"""Rows of which a few columns are in memory at once."""
_WHOLE_ROWS: Final = 1024
"""Rows of which all columns are in memory at once."""
_PAGE_BYTES: Final = 64 * 1024
"""Bytes of a column that are read at once where only its first rows are wanted."""
_LINES_BYTES: Final = 8 * 1024 * 1024
"""Bytes of lines that are read at once: in a bucket, each reading is a request."""


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A data file, wherever it is.

    Attributes:
        file: The file as the manifest describes it.
        filesystem: The Arrow file system that has it.
        path: The path of the file in that file system.
    """

    file: ReleaseFile
    filesystem: FileSystem
    path: str

    @classmethod
    def local(cls, file: ReleaseFile, folder: Path) -> "PublishedFile":
        """Return a file in a local folder of a release."""
        return cls(file, LocalFileSystem(), str(folder / file.path))

    def texts(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield columns of texts, in which the file may have any or none of the columns."""
        schema = pa.schema([(name, pa.string()) for name in columns])
        read = _parquet_texts if self.file.format == "parquet" else _line_texts
        yield from read(self, schema)

    def rows(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield whole rows, in the schema of the release."""
        if self.file.format == "parquet":
            with pq.ParquetFile(self.filesystem.open_input_file(self.path)) as file:
                for batch in file.iter_batches(_WHOLE_ROWS, use_threads=False):
                    yield batch.cast(schema)
            return
        # Times are texts in JSON.
        written = with_times_as(pa.string(), schema)
        with self.lines() as lines:
            decoded = map(msgspec.json.decode, lines)
            while rows := list(islice(decoded, _WHOLE_ROWS)):
                yield pa.RecordBatch.from_pylist(rows, written).cast(schema)

    def first_rows(self, schema: pa.Schema, count: int) -> list[dict[str, Any]]:
        """Return the first rows of the file as plain values, reading little beyond them."""
        if self.file.format != "parquet":
            with self.lines() as lines:
                return [msgspec.json.decode(line) for line in islice(lines, count)]
        with pq.ParquetFile(
            self.filesystem.open_input_file(self.path),
            buffer_size=_PAGE_BYTES,
            pre_buffer=False,
        ) as file:
            batches = file.iter_batches(count, use_threads=False)
            return [row for batch in islice(batches, 1) for row in batch.cast(schema).to_pylist()]

    @contextmanager
    def lines(self) -> Iterator[BufferedReader]:
        """Yield the lines of a file of JSON lines."""
        # Arrow can't read these: it refuses lines longer than its block, as conversations may be.
        stream = self.filesystem.open_input_stream(self.path)
        with BufferedReader(stream, _LINES_BYTES) as lines:
            yield lines


def published_files(manifest: Manifest, filesystem: FileSystem, folder: str) -> list[PublishedFile]:
    """Return all data files of a release.

    Args:
        manifest: The manifest of the release.
        filesystem: The Arrow file system that has the release.
        folder: The path of its folder there.
    """
    return [PublishedFile(file, filesystem, f"{folder}/{file.path}") for file in manifest.files]


def in_one_format(files: Sequence[PublishedFile]) -> list[PublishedFile]:
    """Return the files that hold each row of a release once, those of Parquet if there are any."""
    formats = {each.file.format for each in files}
    form = "parquet" if "parquet" in formats else min(formats, default="")
    return [each for each in files if each.file.format == form]


def schema_of(manifest: Manifest) -> Schema:
    """Return the Iceberg schema of a release's rows."""
    return Schema.model_validate(manifest.schema)


def rows_of(files: Sequence[PublishedFile], schema: Schema) -> Iterator[pa.RecordBatch]:
    """Yield the whole rows of files of one format."""
    kind = arrow_schema(schema)
    for each in files:
        yield from each.rows(kind)


def _parquet_texts(file: PublishedFile, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    dataset = ds.dataset(file.path, schema=schema, format="parquet", filesystem=file.filesystem)
    scanner = dataset.scanner(batch_size=READ_ROWS, batch_readahead=1, fragment_readahead=1)
    yield from scanner.to_batches()


def _line_texts(file: PublishedFile, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    decode = _decoder(tuple(schema.names)).decode
    with file.lines() as lines:
        decoded = map(decode, lines)
        while rows := list(islice(decoded, READ_ROWS)):
            columns: Mapping[str, list[Any]] = {
                name: [getattr(row, name) for row in rows] for name in schema.names
            }
            yield pa.RecordBatch.from_pydict(columns, schema)


@cache
def _decoder(names: tuple[str, ...]) -> "msgspec.json.Decoder[Any]":
    """Return a decoder of lines that skips all other columns."""
    fields: list[tuple[str, Any, Any]] = [(name, str | None, None) for name in names]
    return msgspec.json.Decoder(msgspec.defstruct("Line", fields))
