import sys

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from app.query.text_index.words import Word, prepared, words_of


def inner(text: str) -> Word:
    return Word(text, begins=True, ends=True)


def test_the_first_and_the_last_word_may_be_parts_of_longer_ones() -> None:
    assert words_of("lo, the WOR") == [
        Word("lo", begins=False, ends=True),
        inner("the"),
        Word("wor", begins=True, ends=False),
    ]


def test_words_between_other_characters_are_whole() -> None:
    assert words_of(" one-two.") == [inner("one"), inner("two")]


def test_each_character_of_a_script_without_spaces_is_a_word() -> None:
    assert words_of("天気 ปลา🙂") == [inner(each) for each in "天気ปลา🙂"]
    assert words_of("カード") == [inner(each) for each in "カード"]


def test_a_word_beside_a_character_that_stands_alone_ends_there() -> None:
    assert words_of("ab天cd") == [
        Word("ab", begins=False, ends=True),
        inner("天"),
        Word("cd", begins=True, ends=False),
    ]


@pytest.mark.parametrize("text", ["", " ", "?!", "\0", "\n\t_-"])
def test_there_may_be_no_words(text: str) -> None:
    assert words_of(text) == []


@pytest.mark.slow
def test_characters_that_a_scan_takes_for_the_same_are_the_same_in_an_index() -> None:
    characters = pa.array(
        [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000],
        pa.large_string(),
    )
    has_case = pc.or_(
        pc.not_equal(pc.utf8_upper(characters), characters),
        pc.not_equal(pc.utf8_lower(characters), characters),
    )
    # These have no other case, and yet are the same to a scan.
    others = pa.array(["\u1fd3", "\u0390", "\u1fe3", "\u03b0", "\ufb05", "\ufb06"], characters.type)
    cased = pa.concat_arrays([characters.filter(has_case), others])
    keys = pc.utf8_lower(prepared(cased)).to_pylist()
    groups: dict[str, set[str]] = {}
    for character, key in zip(cased.to_pylist(), keys, strict=True):
        groups.setdefault(key, set()).add(character)
    for group in groups.values():
        same = pc.match_substring(cased, min(group), ignore_case=True)
        assert set(cased.filter(same).to_pylist()) <= group, group
