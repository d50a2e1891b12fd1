import gzip
import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chatlake_client.containers.rows import read_members
from chatlake_client.errors import UnreadableFileError
from chatlake_client.importer import RECOGNITION
from chatlake_client.records import Row
from tests.client.environment import without_pyarrow
from tests.client.reading import read_rows

ROW = {"messages": [{"role": "user", "content": "Hi 🙂"}]}
LINE = json.dumps(ROW).encode() + b"\n"


def zstd(data: bytes) -> bytes:
    packed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return packed


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([ROW, ROW]), file)
    return file.getvalue()


def tar(**members: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as opened:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return file.getvalue()


def arrow(*, is_file: bool) -> bytes:
    file = io.BytesIO()
    table = pa.Table.from_pylist([ROW, ROW])
    make = pa.ipc.new_file if is_file else pa.ipc.new_stream
    with make(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def values(path: Path) -> list[object]:
    return [row.value for row in read_rows(path) if isinstance(row, Row)]


# Named, since the test's own name for a gzip file would hold the moment it was made.
PACKED = {
    "gzip, twice": gzip.compress(LINE) + gzip.compress(LINE),
    "zstd, twice": zstd(LINE) + zstd(LINE),
    "zstd in gzip": gzip.compress(zstd(LINE * 2)),
    "gzip in zip": archive(a=LINE, b=gzip.compress(LINE)),
    "zip in zip": archive(a=archive(b=LINE * 2)),
    "Parquet in zip": archive(a=parquet()),
    "Parquet in gzip": gzip.compress(parquet()),
    "Parquet in zstd": zstd(parquet()),
    "zip in gzip": gzip.compress(archive(a=LINE * 2)),
    "zip in zstd": zstd(archive(a=LINE * 2)),
    "tar": tar(a=LINE, b=LINE),
    "tar in gzip": gzip.compress(tar(**{"data/a.jsonl": LINE * 2, ".hidden": LINE})),
    "a file of Arrow": arrow(is_file=True),
    "a stream of Arrow in zip": archive(a=arrow(is_file=False)),
    "a script": b"window.YTD.chat.part0 = [" + LINE + b", " + LINE + b"]",
    "a constant of a script": b"const chats = [" + LINE + b"," + LINE + b"]\n",
    "events": b"event: a\ndata: " + LINE + b"\n: x\ndata: " + LINE + b"data: [DONE]\n",
    "zip with other members": archive(
        **{"__MACOSX/a": b"\0", ".DS_Store": b"\0", "b/c.jsonl": LINE * 2, "d/": b""}
    ),
    "UTF-16, big endian": json.dumps([ROW, ROW]).encode("utf-16-be"),
    "UTF-16": json.dumps([ROW, ROW]).encode("utf-16"),
    "UTF-32": json.dumps([ROW, ROW]).encode("utf-32"),
}
BROKEN = {
    "gzip without its end": gzip.compress(LINE * 900)[:-20],
    "gzip with a wrong length": gzip.compress(LINE)[:-6] + b"\0\0\0\0\0\0",
    "zstd without its end": zstd(LINE * 900)[:-9],
    "zip without its end": archive(a=LINE)[:-30],
}


@pytest.mark.parametrize("content", PACKED.values(), ids=PACKED)
def test_a_file_is_read_whatever_it_is_packed_in(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content)
    assert values(path) == [ROW, ROW]


def test_the_members_of_an_archive_have_names(tmp_path: Path) -> None:
    path = tmp_path / "rows.zip"
    path.write_bytes(archive(**{"a.json": LINE, "more.zip": archive(**{"b.jsonl": LINE})}))
    assert [member.name for member in read_members(path, RECOGNITION)] == [
        "a.json",
        "more.zip/b.jsonl",
    ]


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_packing_is_an_unreadable_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError):
        values(path)


def test_an_encrypted_member_is_unreadable(tmp_path: Path) -> None:
    content = bytearray(archive(a=LINE))
    for magic, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.index(magic) + flags_at
        content[place : place + 2] = struct.pack("<H", 1)
    path = tmp_path / "rows.zip"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match="a is encrypted"):
        values(path)


def test_zstd_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.zst"
    path.write_bytes(zstd(LINE))
    without_pyarrow(monkeypatch)
    with pytest.raises(UnreadableFileError, match=r"pip install 'chatlake-client\[parquet\]'"):
        values(path)
