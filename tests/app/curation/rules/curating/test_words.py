import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.rules.curating.words import Words, words_of
from tests.app.curation.rules.curating.making import plain_words

# Blocks of scripts with and without spaces, of marks, of punctuation and of emoji.
CHARACTERS = st.one_of(
    [
        st.characters(min_codepoint=first, max_codepoint=last, exclude_categories=("Cn", "Cs"))
        for first, last in [
            (0x00, 0x7F),
            (0x80, 0x24F),
            (0x300, 0x36F),
            (0x370, 0x52F),
            (0x5D0, 0x6FF),
            (0x900, 0x97F),
            (0xE00, 0xEFF),
            (0x1000, 0x109F),
            (0x1780, 0x17FF),
            (0x2000, 0x206F),
            (0x3000, 0x30FF),
            (0x4E00, 0x4FFF),
            (0xAC00, 0xAFFF),
            (0xFE00, 0xFE0F),
            (0xFF00, 0xFFEF),
            (0x1F600, 0x1F64F),
            (0x20000, 0x2000F),
        ]
    ]
)


def lists_of(words: Words) -> list[list[str]]:
    vocabulary = words.vocabulary.to_pylist()
    bounds = zip(words.offsets, words.offsets[1:], strict=False)
    return [[vocabulary[number] for number in words.numbers[a:b]] for a, b in bounds]


def words_in(*texts: str) -> list[list[str]]:
    return lists_of(words_of(pa.array(texts, pa.large_string())))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, WORLD! It's 3.5", ["hello", "world", "it", "s", "3", "5"]),
        ("Über naïve façades", ["über", "naïve", "façades"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("안녕 세상", ["안녕", "세상"]),
        ("中文abc测试。ok", ["中", "文", "abc", "测", "试", "ok"]),
        ("カメラです", ["カ", "メ", "ラ", "で", "す"]),
        ("❤️ … ???", []),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_digits_or_characters_of_scripts_without_spaces(
    text: str, words: list[str]
) -> None:
    assert words_in(text) == [words]


@pytest.mark.slow
@given(st.lists(st.text(CHARACTERS, max_size=30), max_size=5))
def test_words_are_those_that_are_found_character_by_character(texts: list[str]) -> None:
    assert words_in(*texts) == [plain_words(text) for text in texts]


def test_a_slice_has_the_words_of_its_texts() -> None:
    texts = pa.array(["one", "two Ä", "three 中", "four"], pa.large_string())
    assert lists_of(words_of(texts.slice(1, 2))) == [["two", "ä"], ["three", "中"]]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_words_are_the_same_for_every_type_of_text(kind: Any) -> None:
    assert lists_of(words_of(pa.array(["a b"], kind))) == [["a", "b"]]


@pytest.mark.slow
def test_hashes_of_words_are_those_of_murmurhash3_in_every_process() -> None:
    code = (
        "import pyarrow as pa; from app.curation.rules.curating.words import words_of;"
        "print(words_of(pa.array(['Hello foo'])).hashes().tolist())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "7"}, check=True, capture_output=True
    )
    # The first half of x64_128 of "hello", as the author's own program prints it.
    assert run.stdout.decode().startswith(f"[{0xCBD8A7B341BD9B02}, ")
