"""A planted id and a planted text are found in every kind of file, however it is encoded."""

import bz2
import csv
import gzip
import html
import json
import lzma
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import UUID

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pyiceberg.avro.file import AvroOutputFile
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record
from pyiceberg.types import NestedField, StringType

from app.takedown.verify.folders import search_folder
from app.takedown.verify.report import Report
from app.takedown.verify.search import Search
from app.takedown.verify.wanted import MIN_TEXT_CHARACTERS, TextTooShort, Wanted

ID: Final = UUID("019ad0f2-3c5e-7d4a-9f3b-c8d1e2f30415")
OTHER: Final = UUID("019ad0f2-3c5e-7d4a-9f3b-c8d1e2f30416")
SENTENCES: Final = [f"sentence {number} says something else. " for number in range(200)]
TEXT: Final = "".join(['A secret “ünique” text, with "quotes" & <tags>,\nlines. ', *SENTENCES])
PADDING: Final = "filling that nobody looks for. " * 300

Plant = Callable[[Path, str], None]


def _written(encode: Callable[[str], bytes]) -> Plant:
    def write(path: Path, value: str) -> None:
        path.write_bytes(encode(value))

    return write


def _parquet(path: Path, value: str) -> None:
    turns = [[{"content": "x"}, {"content": value}]]
    pq.write_table(pa.table({"turns": turns, "n": [1]}), path, compression="zstd")


def _parquet_of_categories(path: Path, value: str) -> None:
    column = pa.array(["a", value, "a"]).dictionary_encode()
    pq.write_table(pa.table({"c": column}), path)


def _avro(codec: str) -> Plant:
    def write(path: Path, value: str) -> None:
        schema = Schema(NestedField(1, "value", StringType(), required=True))
        with AvroOutputFile[Record](
            PyArrowFileIO().new_output(str(path)),
            schema,
            "values",
            metadata={"avro.codec": codec},
        ) as file:
            file.write_block([Record("before"), Record(value)])
            file.write_block([Record("after")])

    return write


def _arrow(path: Path, value: str) -> None:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    table = pa.table({"c": pa.array([value, "b"] * 100)})
    with pa.ipc.new_file(path, table.schema, options=options) as writer:
        writer.write_table(table)


def _arrow_stream(path: Path, value: str) -> None:
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    table = pa.table({"c": pa.array([value, "b"] * 100)})
    with pa.ipc.new_stream(path, table.schema, options=options) as writer:
        writer.write_table(table)


def _zip(path: Path, value: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", PADDING)
        archive.writestr("b.jsonl.gz", gzip.compress(_line(value)))


def _line(value: str) -> bytes:
    return json.dumps({"content": value}).encode() + b"\n"


def _zstd(path: Path, value: str) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(PADDING.encode() + _line(value))


def _csv(path: Path, value: str) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b"], [value, value]])


def _png(*, is_compressed: bool) -> Plant:
    def write(path: Path, value: str) -> None:
        info = PngInfo()
        info.add_itxt("note", value, zip=is_compressed)
        Image.new("L", (8, 8)).save(path, "PNG", pnginfo=info)

    return write


def _sqlite(path: Path, value: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (a TEXT, b BLOB)")
        database.execute("INSERT INTO t VALUES (?, ?)", (PADDING + value, b"\0"))
        database.commit()


def _sqlite_freelist(path: Path, value: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE t (a TEXT)")
        database.executemany("INSERT INTO t VALUES (?)", [(value,), (value,)])
        database.commit()
        database.execute("DROP TABLE t")
        database.commit()
        assert database.execute("PRAGMA freelist_count").fetchone() > (0,)


def _sqlite_deleted_row(path: Path, value: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE t (a TEXT)")
        database.executemany("INSERT INTO t VALUES (?)", [("other",), (value,)])
        database.execute("DELETE FROM t WHERE rowid = 2")
        database.commit()


def _sqlite_payload(path: Path, value: str) -> None:
    inner = pa.compress(msgspec.msgpack.encode([{"content": value}]), "zstd", asbytes=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE journal (payload BLOB)")
        database.execute("INSERT INTO journal VALUES (?)", (inner,))
        database.commit()


def _broken_sqlite(path: Path, value: str) -> None:
    _sqlite(path, value)
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * 100 + content[200:])


PLANTS: Final[dict[str, Plant]] = {
    "Parquet": _parquet,
    "Parquet with a dictionary": _parquet_of_categories,
    "Avro": _avro("null"),
    "Avro, deflate": _avro("deflate"),
    "Avro, zstd": _avro("zstandard"),
    "Arrow": _arrow,
    "Arrow stream": _arrow_stream,
    "JSON": _written(lambda value: PADDING.encode() + _line(value)),
    "JSON in UTF-8": _written(lambda value: json.dumps({"a": value}, ensure_ascii=False).encode()),
    "JSON, gzip": _written(lambda value: gzip.compress(_line(value))),
    "JSON, zstd": _zstd,
    "JSON, bzip2": _written(lambda value: bz2.compress(_line(value))),
    "JSON, xz": _written(lambda value: lzma.compress(_line(value))),
    "gzip in zip": _zip,
    "CSV": _csv,
    "Markdown": _written(lambda value: f"# Card\n\n> {value}\n".encode()),
    "HTML": _written(lambda value: f"<p>{html.escape(value)}</p>".encode()),
    "MessagePack": _written(lambda value: msgspec.msgpack.encode([value])),
    "PNG": _png(is_compressed=False),
    "PNG, compressed": _png(is_compressed=True),
    "SQLite": _sqlite,
    "SQLite, free page": _sqlite_freelist,
    "SQLite, deleted row": _sqlite_deleted_row,
    "SQLite, compressed payload": _sqlite_payload,
    "SQLite, broken": _broken_sqlite,
}


def searched(folder: Path, text: str | None = None) -> Report:
    report = Report()
    search_folder(Search(Wanted([ID, OTHER], text), report), folder)
    return report


def found(folder: Path, text: str | None = None) -> set[str]:
    return {finding.what for finding in searched(folder, text).findings}


@pytest.mark.parametrize("kind", PLANTS)
def test_what_is_planted_is_found(tmp_path: Path, kind: str) -> None:
    # Neither the name nor the folder tells what it is.
    path = tmp_path / "deep" / ".tmp-x"
    path.parent.mkdir()
    PLANTS[kind](path, "innocent")
    assert found(tmp_path, TEXT) == set()
    path.unlink()
    PLANTS[kind](path, f"id {ID}.")
    assert found(tmp_path, TEXT) == {str(ID)}
    path.unlink()
    PLANTS[kind](path, TEXT)
    assert found(tmp_path, TEXT) == {"the text"}


@pytest.mark.parametrize("part", [TEXT[:1_100], TEXT[-1_200:], TEXT[2_000:3_200]])
def test_a_part_of_a_long_text_is_found(tmp_path: Path, part: str) -> None:
    (tmp_path / "page").write_text(part)
    assert found(tmp_path, TEXT) == {"the text"}


@pytest.mark.parametrize("form", [ID.bytes, str(ID).encode()])
def test_an_id_is_found_as_text_and_as_bytes(tmp_path: Path, form: bytes) -> None:
    (tmp_path / "index").write_bytes(bytes(999) + form + b"\xff")
    # Bytes that begin as the id does, and overlap with it.
    (tmp_path / "near").write_bytes(form[:4] + form[:-1] + b"\0")
    (finding,) = searched(tmp_path).findings
    assert (finding.place, finding.what) == (str(tmp_path / "index"), str(ID))


@given(st.sets(st.uuids(), min_size=1, max_size=20), st.binary(max_size=40))
def test_any_number_of_ids_is_found(ids: set[UUID], between: bytes) -> None:
    wanted = Wanted(ids)
    for form in (lambda each: str(each).encode(), lambda each: each.bytes):
        data = between.join([b"", *map(form, sorted(ids)), b""])
        assert wanted.found_in(data) == {str(each) for each in ids}
        assert wanted.found_in(memoryview(data)[1:]) >= {str(each) for each in sorted(ids)[1:]}


def test_an_id_is_found_as_duckdb_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "spill"
    with duckdb.connect(path) as database:
        rows = "SELECT uuid() AS id FROM range(1000) UNION ALL SELECT ?::UUID"
        database.execute(f"CREATE TABLE t AS {rows}", [str(ID)])
    assert found(tmp_path) == {str(ID)}


def test_the_log_of_a_database_in_use_is_searched(tmp_path: Path) -> None:
    path = tmp_path / "lake.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (a TEXT)")
        database.execute("INSERT INTO t VALUES (?)", (str(ID),))
        database.commit()
        database.execute("UPDATE t SET a = 'gone'")
        database.commit()
        report = searched(tmp_path)
    assert {finding.place.split(" ")[0] for finding in report.findings} == {f"{path}-wal"}
    assert report.opened["SQLite logs"] == 1


def test_a_match_across_two_steps_of_a_stream_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.takedown.verify.search._STEP_BYTES", 50)
    for shift in range(50):
        content = b"." * shift + str(ID).encode() + b"." * 200
        (tmp_path / "x.gz").write_bytes(gzip.compress(content))
        assert found(tmp_path) == {str(ID)}


def test_what_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    for kind in ("Parquet", "Avro", "Arrow", "JSON, gzip", "JSON, zstd", "gzip in zip", "PNG"):
        path = tmp_path / kind
        PLANTS[kind](path, PADDING)
        path.write_bytes(path.read_bytes()[:-40])
    report = searched(tmp_path)
    assert not report.findings
    assert {Path(place.split(" (")[0]).name for place in report.unopened} >= {
        "Parquet", "Avro", "Arrow", "JSON, gzip", "gzip in zip", "PNG"
    }  # fmt: skip


def test_the_report_says_what_was_opened_and_found(tmp_path: Path) -> None:
    assert searched(tmp_path).lines() == ["nothing was found"]
    (tmp_path / "a.txt").write_text(f"{ID}")
    (tmp_path / "b").write_bytes(b"\xff\x00")
    assert searched(tmp_path).lines() == [
        "opened other files: 1, 2 bytes",
        "opened texts: 1, 36 bytes",
        f"FOUND {ID} in {tmp_path / 'a.txt'}",
    ]


def test_a_text_that_would_be_found_by_chance_is_refused() -> None:
    with pytest.raises(TextTooShort, match=str(MIN_TEXT_CHARACTERS)):
        Wanted([ID], " short ")


def test_links_are_not_followed_and_unreadable_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").write_text(str(ID))
    folder = tmp_path / "lake"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere" / "a")
    (folder / "gone").symlink_to(tmp_path / "nothing")
    assert searched(folder).lines() == ["nothing was found"]
