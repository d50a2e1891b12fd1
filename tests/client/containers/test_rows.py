import csv
import io
import itertools
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatlake_client.containers.sniff import Kind, kind_of
from chatlake_client.containers.source import opened_sources
from chatlake_client.errors import UnreadableFileError
from chatlake_client.records import Rejected, Row
from chatlake_client.shapes.documents import is_header
from tests.client.environment import without_pyarrow
from tests.client.reading import conversation_of, read_rows, texts

ROWS: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]},
    {"messages": [{"role": "user", "content": "Again"}]},
]
ODD_TEXTS = [
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "שלום \u202eabc\u202c مرحبا",
    "Z̴̡̢͎͕̰̈́̎ͅa̸͚͊l̵̯̋g̷̣̈́o̶͚͛",
    "one\r\ntwo\rthree\nfour\u2028five\x85six",
    '=1+1, "quoted", \\n; tab\t, \x00 and \ufeff',
    "",
    "  spaces  ",
    "e\u0301 is not \u00e9",
]


def values_of(path: Path) -> list[object]:
    """The rows of a file, all of which parse."""
    values = []
    for row in read_rows(path):
        assert isinstance(row, Row)
        values.append(row.value)
    return values


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8", newline="")


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", newline="")


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    for row in rows:
        is_nested = {key: not isinstance(value, str) for key, value in row.items()}
        writer.writerow({key: json.dumps(row[key]) if is_nested[key] else row[key] for key in row})
    path.write_text(file.getvalue(), encoding="utf-8", newline="")


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
    "json": write_json,
    "jsonl": write_jsonl,
    "csv": write_csv,
    "parquet": write_parquet,
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "parquet", "txt", ""])
def test_a_file_is_recognised_by_its_content(kind: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{suffix}"
    WRITERS[kind](path, ROWS)
    with opened_sources(path) as sources:
        assert kind_of(next(sources), is_header) is Kind(kind)
    found = [texts(conversation_of(row).turns) for row in values_of(path)]
    assert found == [[(turn["role"], turn["content"]) for turn in row["messages"]] for row in ROWS]


any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ODD_TEXTS
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(any_text, any_text), min_size=1, max_size=5))
def test_every_text_comes_out_as_it_went_in(
    kind: str, tmp_path: Path, pairs: list[tuple[str, str]]
) -> None:
    path = tmp_path / "rows"
    rows = [
        {
            "messages": [
                {"role": "user", "content": text},
                {"role": "assistant", "content": "Yes."},
            ],
            "instruction": text,
            "output": other,
        }
        for text, other in pairs
    ]
    WRITERS[kind](path, rows)
    read = values_of(path)
    assert len(read) == len(rows)
    for row, value in zip(rows, read, strict=True):
        assert isinstance(value, dict)
        expected = [("user", row["instruction"]), ("assistant", "Yes.")]
        assert texts(conversation_of(value).turns) == expected
        assert (value["instruction"], value["output"]) == (row["instruction"], row["output"])


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS[0]),
        json.dumps([ROWS[0]], indent=0),
        json.dumps(ROWS[0], indent=2),
        json.dumps({"data": [ROWS[0]]}),
        json.dumps({"version": 1, "data": [ROWS[0]]}, indent=0),
        json.dumps({"conversations": [ROWS[0]]}, indent=2),
        "\n \n" + json.dumps(ROWS[0]) + "\n\n",
        "\ufeff" + json.dumps({"data": [ROWS[0]]}, indent=1).replace("\n", "\r\n"),
    ],
)
def test_json_is_a_list_of_rows_or_one_row_or_an_object_with_one_list(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(text, encoding="utf-8", newline="")
    assert values_of(path) == [ROWS[0]]


def test_json_rows_are_numbered_from_1(tmp_path: Path) -> None:
    write_json(tmp_path / "rows", ROWS)
    assert [row.line for row in read_rows(tmp_path / "rows")] == [1, 2]


def test_a_row_nested_too_deeply_is_rejected_alone(tmp_path: Path) -> None:
    deep = "[" * 4500 + "]" * 4500
    path = tmp_path / "rows.json"
    path.write_text(f'[{json.dumps(ROWS[0])}, {{"messages": {deep}}}]')
    first, second = read_rows(path)
    assert isinstance(first, Row)
    assert isinstance(second, Rejected)


@pytest.mark.parametrize("text", ['[{"messages": []}, {"mess', "[1 2]", '{"messages": [\n\n\n'])
def test_broken_json_is_an_unreadable_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text)
    with pytest.raises(UnreadableFileError, match=r"rows\.json"):
        list(read_rows(path))


def test_jsonl_lines_may_end_in_any_newline(tmp_path: Path) -> None:
    one, two = (json.dumps(row) for row in ROWS)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(f"\ufeff\r\n{one}\r\n\n  \n{two}\r{one}\n\ufeff{two}".encode())
    rows = list(read_rows(path))
    assert [row.line for row in rows] == [2, 5, 6, 7]
    assert values_of(path) == [ROWS[0], ROWS[1], ROWS[0], ROWS[1]]


def test_jsonl_may_be_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\r\n" for row in ROWS), encoding="utf-16")
    assert values_of(path) == ROWS


@pytest.mark.parametrize("broken", ['{"messages": [{"ro', "{'messages': []}", "o}", '{"a": 1,'])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_broken_line_is_a_rejected_row_with_its_number(
    broken: str, place: int, tmp_path: Path
) -> None:
    texts = [json.dumps(row) for row in ROWS]
    texts.insert(place, broken)
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(texts))
    rows = list(read_rows(path))
    assert len(rows) == 3
    rejected = rows.pop(place)
    assert isinstance(rejected, Rejected)
    assert (rejected.line, rejected.row) == (place + 1, broken)
    assert "not JSON" in rejected.message
    assert all(isinstance(row, Row) for row in rows)


def test_a_truncated_single_line_is_a_rejected_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_text('{"messages": [')
    (rejected,) = read_rows(path)
    assert isinstance(rejected, Rejected)


@pytest.mark.parametrize(
    "content",
    [
        b'{"messages": []}\n{"messages": ["\xff"]}\n{"messages": []}\n',
        b'instruction,output\na,b\na,"\xff"\na,b\n',
    ],
)
def test_invalid_utf_8_costs_only_its_row(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content)
    before, broken, after = read_rows(path)
    assert isinstance(before, Row)
    assert isinstance(broken, Rejected)
    assert "encoding" in broken.message
    assert isinstance(after, Row)


def test_a_line_without_end_is_rejected_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 1000
    monkeypatch.setattr("chatlake_client.containers.json_rows.MAX_LINE_CHARS", limit)
    monkeypatch.setattr("chatlake_client.containers.lines.MAX_LINE_CHARS", limit)
    long_row = json.dumps({"messages": [{"content": "x" * 10 * limit}]})
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join([json.dumps(ROWS[0]), long_row, json.dumps(ROWS[1])]))
    first, rejected, last = read_rows(path)
    assert isinstance(rejected, Rejected)
    assert rejected.line == 2
    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert (first.value, last.value) == (ROWS[0], ROWS[1])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_may_be_separated_by_commas_semicolons_or_tabs(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    text = '\r\n instruction|input|"output"\r\n\r\nAdd|"1|2"|3\r\n'
    path.write_text(text.replace("|", delimiter), encoding="utf-8-sig", newline="")
    assert values_of(path) == [{"instruction": "Add", "input": f"1{delimiter}2", "output": "3"}]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("a,b,c", "3 cells under a header of 2"),
        ("a", "1 cells under a header of 2"),
        ('"a"b,c', "not CSV"),
    ],
)
def test_a_broken_csv_row_costs_only_itself(broken: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text(f"instruction,output\na,b\n{broken}\nc,d\n")
    before, rejected, after = read_rows(path)
    assert isinstance(before, Row)
    assert isinstance(rejected, Rejected)
    assert rejected.line == 2
    assert message in rejected.message
    assert isinstance(after, Row)
    assert after.line == 3


def test_a_csv_file_cut_inside_a_quote_rejects_its_last_row(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text('instruction,output\na,b\nc,"d\ne,f\n')
    first, last = read_rows(path)
    assert isinstance(first, Row)
    assert isinstance(last, Rejected)
    assert last.line == 2


def test_a_csv_file_with_an_unknown_header_is_read_when_its_name_says_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("prompt,completion\na,b\n")
    assert values_of(path) == [{"prompt": "a", "completion": "b"}]


def test_parquet_may_hold_nested_lists(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    nested = [
        {
            "conversation": [
                {"content": "Hi", "rating": None},
                {"content": "Ho", "rating": "positive"},
            ]
        }
    ]
    write_parquet(path, nested)
    assert values_of(path) == nested


def test_a_parquet_file_without_pyarrow_is_an_error_that_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(path, ROWS)
    without_pyarrow(monkeypatch)
    with pytest.raises(UnreadableFileError, match=r"pip install 'chatlake-client\[parquet\]'"):
        list(read_rows(path))


def test_a_truncated_parquet_file_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(path, ROWS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableFileError, match=r"rows\.parquet"):
        list(read_rows(path))


@pytest.mark.parametrize(
    "content", [b"\x1f\x8b\x08\x00\x00", b"\x7fELF\x00\x01", b"Dear diary,\nhello\n", b"\xff\xfex"]
)
def test_anything_else_is_an_unreadable_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError):
        list(read_rows(path))


@pytest.mark.parametrize("content", ["", "\ufeff", " \r\n\n", "[]", '{"data": []}'])
def test_a_file_without_rows_is_no_error(content: str, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text(content, encoding="utf-8")
    assert list(read_rows(path)) == []


def test_a_file_that_is_gone_or_no_regular_file_is_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "gone", tmp_path, Path("/dev/null")):
        with pytest.raises(UnreadableFileError, match="not a regular file"):
            list(read_rows(path))


@pytest.mark.parametrize("kind", WRITERS)
def test_the_share_of_the_file_grows_to_the_whole(kind: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path / "rows", ROWS * 50)
    shares = [row.file_share for row in read_rows(tmp_path / "rows") if isinstance(row, Row)]
    assert len(shares) == 100
    assert all(0 < one <= other <= 1 for one, other in itertools.pairwise(shares))
    assert shares[-1] == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_large_file_streams(kind: str, tmp_path: Path) -> None:
    rows = [{"instruction": str(number), "output": "x" * 10_000} for number in range(2_000)]
    WRITERS[kind](tmp_path / "rows", rows)
    tracemalloc.start()
    assert sum(1 for _ in read_rows(tmp_path / "rows")) == len(rows)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < (tmp_path / "rows").stat().st_size / 10


def test_keys_beside_a_list_of_rows_are_not_lost_silently(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"version": 1, "system": "Be brief.", "rows": ROWS}))
    with pytest.raises(UnreadableFileError, match="would lose system beside the list rows"):
        values_of(path)
    path.write_text(json.dumps({"version": 1, "system": None, "rows": ROWS}))
    assert values_of(path) == ROWS


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    message = "2 columns have the name 'messages'"
    text = tmp_path / "rows.csv"
    text.write_text('messages,messages\n"[]","[]"\n')
    with pytest.raises(UnreadableFileError, match=message):
        values_of(text)
    table = pa.table([pa.array(["[]"]), pa.array(["[]"])], names=["messages", "messages"])
    pq.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(UnreadableFileError, match=message):
        values_of(tmp_path / "rows.parquet")


def test_columns_without_a_name_may_be_many(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('messages,,\n"[]",,\n')
    assert values_of(path) == [{"messages": "[]", "": ""}]
