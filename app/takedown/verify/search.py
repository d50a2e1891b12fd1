"""Searching bytes of any format: as they are, and decoded as far as they can be.

Formats are recognised by how they begin, and never by names: what is temporary or half removed has
any name.
"""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from app.takedown.verify.avro import avro_blocks
from app.takedown.verify.png import png_texts
from app.takedown.verify.report import Finding, Report
from app.takedown.verify.wanted import Data, Wanted

_STEP_BYTES: Final = 4 * 1024 * 1024
_BATCH_ROWS: Final = 8192
_ROWS_AT_ONCE: Final = 1_000
_UNREADABLE: Final = (OSError, EOFError, ValueError, KeyError, zlib.error, lzma.LZMAError)
"""What decoders raise for broken or cut off data; Arrow's and zip's errors are among these."""
SQLITE: Final = b"SQLite format 3\0"


class Search:
    """Searches whatever it is given, and keeps the report."""

    def __init__(self, wanted: Wanted, report: Report) -> None:
        self._wanted = wanted
        self._report = report

    def of_own_records(self) -> "Search":
        """Return a search of records in which ids don't count, with the same report."""
        return Search(self._wanted.without_ids(), self._report)

    def anything(self, place: str, data: Data) -> None:
        """Search bytes, which may be of any format.

        Args:
            place: Where they are from, for the report.
            data: The bytes.
        """
        view = memoryview(data)
        kind, decode = _container_of(view) or (_kind_of(view), None)
        self._report.opened[kind] += 1
        self.plain(place, kind, view)
        if decode is None:
            return
        try:
            decode(self, f"{place} ({kind})", view)
        except (*_UNREADABLE, zipfile.BadZipFile) as error:
            self.cannot_open(place, f"broken as {kind}: {error}")

    def plain(self, place: str, kind: str, data: Data) -> None:
        """Search bytes as they are."""
        self._report.searched_bytes[kind] += len(data)
        for what in self._wanted.found_in(data):
            self._report.findings.add(Finding(place, what))

    def values(self, place: str, kind: str, rows: Iterable[Iterable[object]]) -> None:
        """Search the values of a database's rows: texts, and bytes of any format.

        Args:
            place: Where they are from.
            kind: What the rows are counted as.
            rows: The values of each row.
        """
        gathered: list[bytes] = []
        for row in rows:
            for value in row:
                data = _encoded(value)
                if _container_of(memoryview(data)):
                    self.anything(f"{place} (value)", data)
                gathered.append(data)
            if len(gathered) >= _ROWS_AT_ONCE:
                self.plain(place, kind, b"\0".join(gathered))
                gathered = []
        self.plain(place, kind, b"\0".join(gathered))

    def cannot_open(self, place: str, why: str) -> None:
        """Report that something can't be searched."""
        self._report.unopened[place] = " ".join(why.split())

    def opened(self, kind: str) -> None:
        """Count something that was opened."""
        self._report.opened[kind] += 1

    def stream(self, place: str, kind: str, stream: IO[bytes]) -> None:
        """Search what a decompressor yields, in bounded memory unless it is a container itself."""
        before = stream.read(_STEP_BYTES)
        if _container_of(memoryview(before)):
            self.anything(place, before + stream.read())
            return
        while before:
            self.plain(place, kind, before)
            more = stream.read(_STEP_BYTES)
            # The end of this step is searched again with the next: a text may lie across both.
            overlap = before[1 - self._wanted.longest :]
            before = overlap + more if more else b""

    def arrow(self, place: str, kind: str, batches: Iterable[pa.RecordBatch]) -> None:
        """Search the buffers of Arrow's columns."""
        for batch in batches:
            for column in batch.columns:
                for buffer in _buffers_of(column):
                    self.plain(place, kind, memoryview(buffer))


Decode = Callable[[Search, str, memoryview], None]


def _encoded(value: object) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return str(value).encode("utf-8", "surrogatepass")


def _buffers_of(column: pa.Array) -> Iterator[pa.Buffer]:
    if isinstance(column, pa.DictionaryArray):
        yield from _buffers_of(column.dictionary)
    for buffer in column.buffers():
        if buffer is not None:
            yield buffer


def _parquet(search: Search, place: str, data: memoryview) -> None:
    file = pq.ParquetFile(_reader(data))
    search.arrow(place, "Parquet", file.iter_batches(_BATCH_ROWS))


def _arrow_file(search: Search, place: str, data: memoryview) -> None:
    reader = pa.ipc.open_file(_reader(data))
    batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
    search.arrow(place, "Arrow", batches)


def _arrow_stream(search: Search, place: str, data: memoryview) -> None:
    search.arrow(place, "Arrow", pa.ipc.open_stream(_reader(data)))


def _avro(search: Search, place: str, data: memoryview) -> None:
    for block in avro_blocks(data):
        search.plain(place, "Avro", block)


def _png(search: Search, place: str, data: memoryview) -> None:
    for text in png_texts(data):
        search.plain(place, "PNG", text)


def _zip(search: Search, place: str, data: memoryview) -> None:
    with zipfile.ZipFile(_reader(data)) as archive:
        for name in archive.namelist():
            search.plain(place, "zip", name.encode())
            with archive.open(name) as member:
                search.stream(f"{place} {name}", "zip", member)


def _compressed(kind: str, opened: Callable[[Any], Any]) -> Decode:
    """Return what decodes a format of one compressed file.

    Args:
        kind: The name of the format.
        opened: Returns a stream of what a binary stream holds, decompressed.
    """

    def decode(search: Search, place: str, data: memoryview) -> None:
        with opened(_reader(data)) as stream:
            search.stream(place, kind, stream)

    return decode


def _reader(data: memoryview) -> pa.BufferReader:
    return pa.BufferReader(pa.py_buffer(data))


def _zstd(stream: pa.NativeFile) -> pa.CompressedInputStream:
    return pa.CompressedInputStream(stream, "zstd")


_CONTAINERS: Final[tuple[tuple[bytes, str, Decode], ...]] = (
    (b"PAR1", "Parquet", _parquet),
    (b"Obj\x01", "Avro", _avro),
    (b"ARROW1", "Arrow", _arrow_file),
    (b"\xff\xff\xff\xff", "Arrow", _arrow_stream),
    (b"\x1f\x8b", "gzip", _compressed("gzip", gzip.open)),
    (b"\x28\xb5\x2f\xfd", "zstd", _compressed("zstd", _zstd)),
    (b"PK\x03\x04", "zip", _zip),
    (b"BZh", "bzip2", _compressed("bzip2", bz2.open)),
    (b"\xfd7zXZ\0", "xz", _compressed("xz", lzma.open)),
    (b"\x89PNG\r\n\x1a\n", "PNG", _png),
)
"""How a format begins, its name, and what decodes it; databases have modules of their own."""
_HEAD_BYTES: Final = 4096
_CHARACTER_BYTES: Final = 4


def _container_of(data: memoryview) -> tuple[str, Decode] | None:
    """Return the name of the format that data has to be decoded from, and what decodes it."""
    head = bytes(data[:8])
    for beginning, name, decode in _CONTAINERS:
        if head.startswith(beginning):
            return name, decode
    return None


def _kind_of(data: memoryview) -> str:
    head = bytes(data[:_HEAD_BYTES])
    try:
        # The last character may be cut off.
        head[: -_CHARACTER_BYTES if len(head) == _HEAD_BYTES else None].decode()
    except UnicodeDecodeError:
        return "other files"
    return "texts"
