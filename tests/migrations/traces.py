"""What is left of a text in the files of a lake, however they are encoded."""

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

_SYNC_BYTES: Final = 16


def files_with(home: Path, texts: list[str]) -> dict[str, list[str]]:
    """Return which of the texts are in which file below a folder, by the file's name."""
    found = {
        str(path.relative_to(home)): [text for text in texts if text.encode() in content]
        for path in home.rglob("*")
        if path.is_file()
        for content in [b"\n".join(_decoded(path.read_bytes()))]
    }
    return {name: texts for name, texts in found.items() if texts}


def _decoded(content: bytes) -> Iterator[bytes]:
    yield content
    # A file of a killed writer ends anywhere, and nobody can read it.
    if content[:4] == content[-4:] == b"PAR1":
        rows = pq.read_table(io.BytesIO(content))
        yield from (_values(rows[name]) for name in rows.column_names)
    elif content[:4] == b"Obj\x01":
        yield from _blocks(content)


def _values(column: pa.ChunkedArray) -> bytes:
    return "\n".join(map(str, column.to_pylist())).encode()


def _blocks(content: bytes) -> Iterator[bytes]:
    """Yield the blocks of an Avro file, inflated: https://avro.apache.org/docs/1.12.0/specification.

    A block ends with the file's last bytes, and begins with two numbers of variable length.
    """
    _, *blocks = content.split(content[-_SYNC_BYTES:])
    for block in filter(None, blocks):
        start = 0
        for _ in range(2):
            while block[start] & 0x80:
                start += 1
            start += 1
        yield zlib.decompress(block[start:], wbits=-15)


def same_rows(rows: pa.Table, *left_out: str) -> list[dict[str, Any]]:
    """Return rows in the order of their ids, without some columns."""
    kept = [name for name in rows.column_names if name not in left_out]
    ordered: list[dict[str, Any]] = rows.select(kept).sort_by("contribution_id").to_pylist()
    return ordered
