from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.query.text_index import word_parts
from app.query.text_index.word_parts import AFTER, BEFORE, filter_of, may_have, parts_of
from app.query.text_index.words import Word

WORDS = ("sky", "blueberry", "天", "straße", "a")
ABSENT = ("qqzzxy", "blueberries", "berrylue", "strasze")


def joined(*words: str) -> str:
    return "".join(f"{BEFORE}{word}{AFTER}" for word in words)


def part(text: str, *, begins: bool = False, ends: bool = False) -> Word:
    return Word(text, begins, ends)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "parts"
    path.write_bytes(filter_of([joined(*WORDS)]))
    return path


@pytest.mark.parametrize("text", [*WORDS, "ueber", "berry", "raße", "ky"])
def test_words_and_their_parts_may_be_there(path: Path, text: str) -> None:
    assert may_have(path, parts_of([part(text)]))


def test_beginnings_and_ends_of_words_are_parts(path: Path) -> None:
    assert may_have(path, parts_of([part("blueb", begins=True), part("berry", ends=True)]))
    assert may_have(path, parts_of([part("sky", begins=True, ends=True)]))
    assert not may_have(path, parts_of([part("ueber", begins=True)]))
    assert not may_have(path, parts_of([part("ueber", ends=True)]))


@pytest.mark.parametrize("text", ABSENT)
def test_what_no_word_has_is_left_out(path: Path, text: str) -> None:
    assert not may_have(path, parts_of([part("sky"), part(text)]))


def test_short_words_have_no_parts() -> None:
    assert parts_of([part("abcd"), part("a", begins=True, ends=True), part("")]) == []
    assert parts_of([]) == []


def test_a_run_across_two_words_is_no_part(path: Path) -> None:
    assert not may_have(path, parts_of([part("skyblue")]))
    path.write_bytes(filter_of([joined("abc", "def")]))
    assert not may_have(path, parts_of([part("abcdef")]))


def test_without_a_filter_every_word_may_be_there(path: Path) -> None:
    path.write_bytes(b"")
    assert may_have(path, parts_of([part("qqzzxy")]))
    path.unlink()
    assert may_have(path, parts_of([part("qqzzxy")]))


def test_no_words_make_a_filter_that_has_nothing(path: Path) -> None:
    path.write_bytes(filter_of([]))
    assert not may_have(path, parts_of([part("qqzzxy")]))


def test_a_filter_that_cannot_be_read_says_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)
    assert may_have(path, parts_of([part("qqzzxy")]))


def test_too_many_parts_make_an_empty_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_parts, "_MOST_PARTS", 10)
    assert filter_of(map(joined, ("abcdefgh", "abcdefghi")))
    assert filter_of(map(joined, ("abcdefgh", "ijklmnop"))) == b""


def test_few_absent_parts_seem_to_be_there(path: Path) -> None:
    path.write_bytes(filter_of([joined(*(f"{number:06}" for number in range(2_000)))]))
    absent = [parts_of([part(f"{number:05x}")]) for number in range(0xA0000, 0xA0000 + 2_000)]
    assert sum(may_have(path, parts) for parts in absent) < 40


@given(
    words=st.lists(st.text("abc天ß", min_size=1, max_size=12), min_size=1, max_size=9),
    data=st.data(),
)
def test_no_part_of_a_word_is_left_out(
    words: list[str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "parts"
    path.write_bytes(filter_of(map(joined, words)))
    word = data.draw(st.sampled_from(words))
    start = data.draw(st.integers(0, len(word)))
    end = data.draw(st.integers(start, len(word)))
    begins = start == 0 and data.draw(st.booleans())
    ends = end == len(word) and data.draw(st.booleans())
    assert may_have(path, parts_of([Word(word[start:end], begins, ends)]))
