# ruff: noqa: RUF001  # digits and signs of several scripts
"""Columns of texts are searched byte by byte where that is enough, and by RE2 otherwise."""

import pyarrow as pa

from app.curation.rules.cleaning.columns import AnyByte, covered, first_bytes, matching

TEXTS = pa.array(["", "a1", "é", None, "٣", "x@y", "漢字", "＠"], pa.large_string())


def test_a_text_matches_that_has_one_of_some_bytes() -> None:
    assert matching(TEXTS, AnyByte(b"1@")).tolist() == [1, 5]
    assert matching(TEXTS, AnyByte(bytes(range(0x80, 0x100)))).tolist() == [2, 4, 6, 7]


def test_the_bytes_of_a_slice_are_its_own() -> None:
    assert matching(TEXTS.slice(4, 2), AnyByte(b"1@")).tolist() == [1]


def test_every_text_with_a_character_has_its_first_byte() -> None:
    assert matching(TEXTS, first_bytes("1٣@＠")).tolist() == [1, 4, 5, 7]
    assert matching(TEXTS, first_bytes("1٣@＠"), "@").tolist() == [5]


def test_all_characters_of_matches_are_covered() -> None:
    texts = pa.array(["é my password", "none", "passpass word"], pa.large_string())
    assert list(covered(texts, "pass ?word|pass")) == [
        [*range(5, 13)],
        [],
        [*range(13)],
    ]
