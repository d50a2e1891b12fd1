"""The data files of a release: a folder for each file format, with files for each split."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from app.releases.files.row_groups import RowGroups
from app.releases.manifest import ReleaseFile
from app.releases.recipe import Format
from app.releases.rows.optional_fields import NullPruner
from app.releases.rows.splits import SPLITS, Split
from app.state.checksums import sha256_of
from catalog.storage.durability import DurableFile

FILE_BYTES: Final = 256 * 1024 * 1024
"""Size at which a data file is full: large enough to scan, and small enough to download."""
ENCODE_ROWS: Final = 1024
"""Rows that are encoded as JSON at once: memory holds them as Python objects."""


class Encoder(Protocol):
    """Writes rows to one file."""

    def write(self, rows: pa.Table) -> None:
        """Write rows."""

    def close(self) -> None:
        """Write the end of the file."""


class _ParquetEncoder:
    """Writes row groups without Arrow's own schema, so that readers see plain Parquet types.

    A page index tells which pages of a row group may hold the rows that a reader looks for.
    """

    def __init__(self, file: DurableFile, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(
            file, schema, compression="zstd", store_schema=False, write_page_index=True
        )

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows)

    def close(self) -> None:
        self._writer.close()


class _JsonLinesEncoder:
    """Writes a JSON object a line, with its keys in the order of the columns.

    Optional fields of messages, and of what else is a structure, are left out where they are null.
    """

    def __init__(self, file: DurableFile, schema: pa.Schema) -> None:
        self._file = file
        self._encode = msgspec.json.Encoder().encode_lines
        self._pruner = NullPruner(schema)

    def write(self, rows: pa.Table) -> None:
        for batch in rows.to_batches(max_chunksize=ENCODE_ROWS):
            self._file.write(self._encode(self._pruner.prune(batch.to_pylist())))

    def close(self) -> None:
        """Do nothing: every line is written at once."""


_ENCODERS: Final[Mapping[Format, type[_ParquetEncoder] | type[_JsonLinesEncoder]]] = {
    "parquet": _ParquetEncoder,
    "jsonl": _JsonLinesEncoder,
}


def encoder_of(form: Format, file: DurableFile, schema: pa.Schema) -> Encoder:
    """Return what writes rows of a schema to a file in a file format."""
    return _ENCODERS[form](file, schema)


class _FileSeries:
    """The files of one split in one format; a new file begins when one is full."""

    def __init__(
        self, folder: Path, form: Format, split: Split, schema: pa.Schema, file_bytes: int
    ) -> None:
        self._folder = folder
        self._form: Format = form
        self._split: Split = split
        self._schema = schema
        self._file_bytes = file_bytes
        self._stack = ExitStack()
        self._open: tuple[str, DurableFile, Encoder] | None = None
        self._rows = 0
        self._written: list[ReleaseFile] = []

    def write(self, rows: pa.Table) -> None:
        """Write rows as one row group."""
        _, file, encoder = self._open or self._begin()
        encoder.write(rows)
        self._rows += rows.num_rows
        if file.tell() >= self._file_bytes:
            self._end()

    def finish(self, *, may_be_empty: bool) -> list[ReleaseFile]:
        """Close the last file and return all files.

        Args:
            may_be_empty: Write a file without rows when there are no rows; else write none.
        """
        if may_be_empty and not self._written and self._open is None:
            self._begin()
        self._end()
        return self._written

    def discard(self) -> None:
        """Discard the open file."""
        self._stack.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    def _begin(self) -> "tuple[str, DurableFile, Encoder]":
        path = f"{self._form}/{self._split}-{len(self._written):05}.{self._form}"
        file = self._stack.enter_context(DurableFile(self._folder / path))
        self._open = path, file, encoder_of(self._form, file, self._schema)
        self._rows = 0
        return self._open

    def _end(self) -> None:
        if self._open is None:
            return
        path, _, encoder = self._open
        self._open = None
        encoder.close()
        self._stack.close()
        file = self._folder / path
        size, sha256 = file.stat().st_size, sha256_of(file)
        self._written.append(ReleaseFile(path, self._rows, size, sha256, self._form, self._split))


class DataFiles:
    """Writes rows to the files of all formats and splits; it buffers a row group for each split.

    Attributes:
        rows: Number of rows so far, by split.
    """

    def __init__(
        self, folder: Path, schema: pa.Schema, formats: tuple[Format, ...], file_bytes: int
    ) -> None:
        self._series = {
            split: [_FileSeries(folder, form, split, schema, file_bytes) for form in formats]
            for split in SPLITS
        }
        self._row_groups = {split: RowGroups(schema) for split in SPLITS}
        self.rows: dict[Split, int] = dict.fromkeys(SPLITS, 0)

    def write(self, batches: Mapping[Split, pa.RecordBatch]) -> None:
        """Write rows, given by split, which have the schema of the files."""
        for split, batch in batches.items():
            self.rows[split] += batch.num_rows
            self._write(split, self._row_groups[split].add(batch))

    def finish(self) -> list[ReleaseFile]:
        """Write the buffered rows, close the files, and return all of them by path.

        A split without rows has no file: `datasets` would fail to load the other one, too. A
        release without any row has an empty file of `train` in each format, which shows the
        columns and can be streamed.
        """
        for split, groups in self._row_groups.items():
            self._write(split, groups.rest())
        is_empty = not any(self.rows.values())
        files = [
            file
            for split, all_series in self._series.items()
            for series in all_series
            for file in series.finish(may_be_empty=is_empty and split == "train")
        ]
        return sorted(files, key=lambda file: file.path)

    def discard(self) -> None:
        """Discard the open files."""
        for all_series in self._series.values():
            for series in all_series:
                series.discard()

    def _write(self, split: Split, groups: Iterable[pa.Table]) -> None:
        for group in groups:
            for series in self._series[split]:
                series.write(group)


@contextmanager
def open_data_files(
    folder: Path, schema: pa.Schema, formats: tuple[Format, ...], file_bytes: int
) -> Iterator[DataFiles]:
    """Yield the writer of the data files; its open files are discarded when the block fails.

    Args:
        folder: Folder of the release.
        schema: Schema of the published rows.
        formats: File formats to write.
        file_bytes: Size in bytes at which a file is full.
    """
    files = DataFiles(folder, schema, formats, file_bytes)
    try:
        yield files
    except BaseException:
        files.discard()
        raise
