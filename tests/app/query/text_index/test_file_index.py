import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.query.filters import Filters
from app.query.text_index import file_index
from app.query.text_index.file_index import (
    COLUMNS,
    find_rows,
    finish_index,
    write_index,
    write_parts,
)
from app.query.text_index.word_parts import may_have, parts_of
from app.query.text_index.words import words_of
from catalog.columns.arrow import to_arrow
from catalog.reading.scan import NO_ROWS, schema_of
from catalog.records import Turn
from tests.factories import make_contribution

URL = "file:///lake/data/one.parquet"
HOSTILE = (
    "aAkK\u212asS\u017fßẞiIİ\u0131\u03c3ςΣµμΐ\u1fd3ΰ\u1fe3\ufb05\ufb06ǅǆǄᲀв\u0412åÅ\u212b"
    "天气日本語ーカードปลา้ကြ한국어नमस्तेسلام\u0301\u0345\u200d\ufe0f🙂👩🏽"
    "\0\n\t _-'\"*()^:0129٣²\ufffe\ufdd0\ufffd\U00010400\U00010428\U000e0001\U0010ffff"
)
TEXTS = st.text(st.sampled_from(HOSTILE), max_size=12) | st.text(max_size=12)
WORD = file_index._LONGEST_WORD  # the limit is what is tested


def rows_of(*texts: str | tuple[str, str | None]) -> pa.RecordBatch:
    """Return contributions with the columns of an index: of one turn each, maybe with an edit."""
    made = (each if isinstance(each, tuple) else (each, None) for each in texts)
    rows = [
        make_contribution(conversation=(Turn(text, edited_content=edited),))
        for text, edited in made
    ]
    (batch,) = to_arrow(rows).select(schema_of(COLUMNS).names).to_batches()
    return batch


def find(batch: pa.RecordBatch, *texts: str) -> list[list[int] | None]:
    """Return the rows of a batch that its index names for each of some texts."""
    with TemporaryDirectory() as folder:
        written, path = Path(folder) / "written", Path(folder) / "index"
        write_index(written, URL, [batch])
        finish_index(written, path)
        parts = Path(folder) / "parts"
        write_parts(path, parts)
        found = []
        for text in texts:
            words = words_of(text)
            rows = find_rows(path, words) if may_have(parts, parts_of(words)) else NO_ROWS
            found.append(None if rows is None else rows.to_pylist())
    return found


def scanned(batch: pa.RecordBatch, text: str) -> list[int]:
    """Return the rows of a batch that a scan finds."""
    numbered = batch.append_column("number", pa.arange(0, batch.num_rows))
    found: list[int] = Filters(q=text).select(numbered)["number"].to_pylist()
    return found


@st.composite
def parts(draw: st.DrawFn, texts: list[tuple[str, str | None]]) -> str:
    """Draw what to search for: often a part of a text, in another case."""
    whole = draw(st.sampled_from([part for row in texts for part in row if part] or ["x"]))
    start = draw(st.integers(0, len(whole) - 1))
    part = whole[start : draw(st.integers(start + 1, len(whole)))]
    changed = draw(st.sampled_from([part.upper(), part.lower(), part.swapcase(), part.title()]))
    found: str = draw(st.sampled_from([part, changed, part + draw(TEXTS)]))
    return found


@pytest.mark.slow
@given(st.data())
@settings(max_examples=40)
def test_every_row_that_a_scan_finds_is_named(data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.tuples(TEXTS, st.none() | TEXTS), min_size=1, max_size=6))
    wanted = data.draw(st.lists(parts(texts), min_size=4, max_size=8))
    batch = rows_of(*texts)
    for text, named in zip(wanted, find(batch, *wanted), strict=True):
        assert named is None or set(named) >= set(scanned(batch, text)), text


@pytest.mark.parametrize(
    ("text", "same"), [("K", "\u212a"), ("mas\u017fe", "S"), ("\ufb05", "\ufb06"), ("ΰ", "\u1fe3")]
)
def test_letters_that_a_scan_takes_for_the_same_are_found(text: str, same: str) -> None:
    batch = rows_of(text)
    assert scanned(batch, same) == [0]
    assert find(batch, same) == [[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sky", [0]),
        ("SKY is B", [0]),
        ("ky", [0]),
        ("lue s", [0]),
        ("sky  is", [0]),
        ("blue sky", []),
        ("blues", []),
        ("天气", [1]),
        ("气天", []),
        ("気", [1]),
        ("edi", [2]),
        ("straSSe", []),
        ("STRAßE", [2]),
        ("z", []),
        ("absent", []),
    ],
)
def test_rows_are_found_by_parts_of_words_and_by_phrases(text: str, expected: list[int]) -> None:
    batch = rows_of("The sky is blue. So, why?", "今天天气好。気", ("Straße", "an edit"))
    assert find(batch, text) == [expected]


def test_a_phrase_across_two_turns_or_an_edit_is_no_word() -> None:
    assert find(rows_of(("one", "two")), "onetwo") == [[]]


@pytest.mark.parametrize("text", ["?!", " "])
def test_what_has_no_words_names_no_rows_in_particular(text: str) -> None:
    assert find(rows_of("a b"), text) == [None]


def test_a_row_with_a_word_that_is_too_long_is_always_named() -> None:
    batch = rows_of("short", "x" * (WORD + 1), "y" * WORD, "é" * 40_000)
    assert find(batch, "absent") == [[1, 3]]
    assert find(batch, "xxx") == [[1, 3]]
    assert find(batch, "y" * WORD) == [[1, 2, 3]]


def test_what_many_rows_have_is_left_to_a_scan() -> None:
    often = ["common"] * file_index._FEWEST_NAMED  # the limit is what is tested
    assert find(rows_of(*often), "common") == [list(range(len(often)))]
    assert find(rows_of(*often, "common"), "common") == [None]


def test_a_part_of_very_many_words_is_left_to_a_scan_or_to_the_other_words() -> None:
    many = " ".join(f"ing{number}" for number in range(1_001))
    batch = rows_of(many, "ing1 rare", "rare")
    assert find(batch, "ing") == [None]
    assert find(batch, "i") == [None]
    assert find(batch, "rare ing") == [[1, 2]]


def test_an_index_tells_whose_texts_it_has(tmp_path: Path) -> None:
    batch = rows_of("one", "two")
    write_index(tmp_path / "index", URL, [batch])
    with closing(sqlite3.connect(tmp_path / "index")) as connection:
        assert connection.execute("SELECT url, rows FROM about").fetchall() == [(URL, 2)]
        (ids,) = connection.execute("SELECT ids FROM contributions").fetchone()
    assert ids[:16].hex() == batch["contribution_id"][0].as_py().replace("-", "")


def test_a_file_that_is_no_index_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(b"SQLite format 3\0" + bytes(4096))
    for name in ("index", "none such"):
        with pytest.raises(sqlite3.Error):
            find_rows(tmp_path / name, words_of("one"))


def test_words_are_found_however_many_pieces_their_parts_are_gathered_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_index, "_PIECE_CHARACTERS", 10)
    words = [f"word{number}" for number in range(9)]
    batch = rows_of(*words)
    assert find(batch, *words, "word9") == [*([row] for row in range(9)), []]
