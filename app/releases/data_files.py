"""The data files of a release: each form in its folder, each split in files of its own."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from app.releases.manifest import ReleaseFile
from app.releases.recipe import Format
from app.releases.row_groups import RowGroups
from app.releases.splits import SPLITS, Split
from catalog.durability import DurableFile

FILE_BYTES: Final = 256 * 1024 * 1024
"""Size at which a data file is full: large enough to scan, small enough to download."""
_LINES: Final = 1024
"""Rows that are held as Python's objects at once, on their way to lines."""


class _Encoder(Protocol):
    """Writes rows to one file."""

    def write(self, rows: pa.Table) -> None:
        """Write rows."""

    def close(self) -> None:
        """Write what ends the file."""


class _Parquet:
    """Row groups, which are read again with the plain types of Arrow, whoever wrote them."""

    def __init__(self, file: DurableFile, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(file, schema, compression="zstd", store_schema=False)

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows)

    def close(self) -> None:
        self._writer.close()


class _Lines:
    """One JSON object a line, its keys in the order of the columns."""

    def __init__(self, file: DurableFile, _schema: pa.Schema) -> None:
        self._file = file
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, rows: pa.Table) -> None:
        for batch in rows.to_batches(max_chunksize=_LINES):
            self._file.write(self._encode(batch.to_pylist()))

    def close(self) -> None:
        """Nothing is held back."""


_ENCODERS: Final[Mapping[Format, type[_Parquet] | type[_Lines]]] = {
    "parquet": _Parquet,
    "jsonl": _Lines,
}


class _Series:
    """The files of one split in one form: the next is begun when one is full."""

    def __init__(
        self, folder: Path, form: Format, split: Split, schema: pa.Schema, file_bytes: int
    ) -> None:
        self._folder = folder
        self._form: Format = form
        self._split: Split = split
        self._schema = schema
        self._file_bytes = file_bytes
        self._stack = ExitStack()
        self._open: tuple[str, DurableFile, _Encoder] | None = None
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
        """Close the last file, and describe them all; without rows there is none, unless it may."""
        if may_be_empty and not self._written and self._open is None:
            self._begin()
        self._end()
        return self._written

    def discard(self) -> None:
        """Leave the file that is open away."""
        self._stack.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    def _begin(self) -> "tuple[str, DurableFile, _Encoder]":
        path = f"{self._form}/{self._split}-{len(self._written):05}.{self._form}"
        file = self._stack.enter_context(DurableFile(self._folder / path))
        self._open = path, file, _ENCODERS[self._form](file, self._schema)
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
    """Writes rows to the files of all forms and splits, in memory of a row group for each split.

    Attributes:
        rows: How many rows each split has so far.
    """

    def __init__(
        self, folder: Path, schema: pa.Schema, formats: tuple[Format, ...], file_bytes: int
    ) -> None:
        self._series = {
            split: [_Series(folder, form, split, schema, file_bytes) for form in formats]
            for split in SPLITS
        }
        self._cutters = {split: RowGroups(schema) for split in SPLITS}
        self.rows: dict[Split, int] = dict.fromkeys(SPLITS, 0)

    def write(self, batches: Mapping[Split, pa.RecordBatch]) -> None:
        """Write rows of each split, with the schema."""
        for split, batch in batches.items():
            self.rows[split] += batch.num_rows
            self._write(split, self._cutters[split].add(batch))

    def finish(self) -> list[ReleaseFile]:
        """Write what waits, and describe all files, by their paths.

        A split without rows has no file: `datasets` can't read one. But where there are no rows at
        all, files of `train` say at least what their columns are.
        """
        for split, cutter in self._cutters.items():
            self._write(split, cutter.rest())
        is_empty = not any(self.rows.values())
        files = [
            file
            for split, series in self._series.items()
            for each in series
            for file in each.finish(may_be_empty=is_empty and split == "train")
        ]
        return sorted(files, key=lambda file: file.path)

    def discard(self) -> None:
        """Leave away what is not finished."""
        for series in self._series.values():
            for each in series:
                each.discard()

    def _write(self, split: Split, groups: Iterable[pa.Table]) -> None:
        for group in groups:
            for each in self._series[split]:
                each.write(group)


@contextmanager
def writing(
    folder: Path, schema: pa.Schema, formats: tuple[Format, ...], file_bytes: int
) -> Iterator[DataFiles]:
    """Yield what writes the data files; when the block fails, the open ones are left away."""
    files = DataFiles(folder, schema, formats, file_bytes)
    try:
        yield files
    except BaseException:
        files.discard()
        raise


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
