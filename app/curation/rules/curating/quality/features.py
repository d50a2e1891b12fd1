"""What the model of quality sees of an answer: its words, its shape, and its prompt.

Features are whole numbers, so that their weighted sums are exact, and the same whatever other
answers are in the batch. None of them counts how long an answer is.
"""

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.cleaning.columns import AnyByte, bytes_of, first_bytes, matching
from app.curation.rules.curating.arrays import Bools, Ints, ratio, row_sums, to_numpy
from app.curation.rules.curating.words import Words

FEATURE_UNITS: Final = 1024
"""Number of units in a feature of 1. Features are whole units."""
MAX_WORDS: Final = 128
"""Number of first words that are read of an answer, and of its prompt."""
MAX_CHARACTERS: Final = 4000
"""Number of first characters that are read of an answer."""

_LONG_WORD_CHARACTERS: Final = 8
_BEGINNING_CHARACTERS: Final = 200
_KINDS: Final[Mapping[str, str]] = {
    "speaker": "i my me mine we our us 我",
    "addressee": "you your yours 你 您",
    "doubt": "may might could perhaps possibly maybe however but although though 但 或 可",
    "link": "because therefore since example such including also additionally finally first second "
    "third overall thus hence while whereas 因 例 如 此 且 首 其",
    "preposition": "of in to for and with on at by from as 和 与 在 于 对 为",
}
"""Frequent words of English and Chinese by their kind. A feature is the share of a kind's words."""
_SIGNS: Final[Mapping[str, str]] = {
    "commas": ",，、",  # noqa: RUF001 - of other scripts, as those below
    "exclamation marks": "!！",  # noqa: RUF001
    "question marks": "?？",  # noqa: RUF001
    "full stops": ".。;；",  # noqa: RUF001
    "quotation marks": '"“「',
}
"""Features that are the number of signs in an answer, divided by the number of its words."""
_ITEMS: Final = r"\n\s*(?:[-*•]|\d+[.)、]) ?"
_HAS: Final[Mapping[str, tuple[str | AnyByte, ...]]] = {
    "list": (r"(?:^|\n)\s*(?:[-*•]|\d+[.)、])",),
    "bold text": (r"\*\*",),
    "code": (r"```",),
    "emoji": (first_bytes("\U0001f300"), r"[\x{1f300}-\x{1faff}]"),
}
"""Features that are 1 if all of it is found in an answer, and 0 if not."""
_BEGINS: Final[Mapping[str, str]] = {
    "agrees": r"^\s*(?:(?i:sure|certainly|of course|absolutely|great|hello|hi)\b|当然|好的)",
    "excuses itself": r"(?i:sorry|apologi|unfortunately|as an ai\b|i can(?:no|')t|i don't have"
    r"|unable to)|抱歉|对不起|作为.{0,5}(?:AI|人工智能)",
}
"""Features that are 1 if the expression is found at the beginning of an answer, and 0 if not."""
_CODE_ASKED: Final = r"```|(?i:\b(?:code|python|java|sql)\b)|代码|编程|函数"
FEATURES: Final = (
    "distinct words of all",
    "distinct words of the root of all",
    "words of the prompt",
    "characters of a word",
    "long words",
    "words with digits",
    *_KINDS,
    *_SIGNS,
    "items of lists",
    *_HAS,
    *_BEGINS,
    "code as asked",
)
"""The features, in their order."""

_Columns = list[NDArray[Any]]


def quality_features(answers: pa.Array, words: Words, prompts: pa.Array, asked: Words) -> Ints:
    """Return the features of answers, a row for each, in `FEATURE_UNITS`.

    Args:
        answers: The texts of the answers.
        words: The first `MAX_WORDS` words of each answer.
        prompts: The prompt of each answer.
        asked: The first `MAX_WORDS` words of each prompt, of the same vocabulary.
    """
    shapes = _of_shape(pc.utf8_slice_codeunits(answers, 0, MAX_CHARACTERS), prompts, words)
    columns = [*_of_words(words, asked), *_of_kinds(words), *shapes]
    features: Ints = np.rint(np.column_stack(columns) * FEATURE_UNITS).astype(np.int64)
    return features


def _of_words(words: Words, asked: Words) -> _Columns:
    number = np.diff(words.offsets)
    keys, asked_keys = _sorted_keys(words), np.append(_sorted_keys(asked), -1)
    distinct = row_sums(np.diff(keys, prepend=-1) > 0, words.offsets)
    is_taken = asked_keys[np.searchsorted(asked_keys[:-1], keys)] == keys
    taken = row_sums(is_taken, words.offsets)
    lengths = to_numpy(pc.utf8_length(words.vocabulary)).astype(np.int64)[words.numbers]
    are_words = ~words.are_characters()
    return [
        ratio(distinct, number),
        ratio(distinct, np.sqrt(number)),
        ratio(taken, number),
        ratio(row_sums(lengths * are_words, words.offsets), row_sums(are_words, words.offsets)),
        ratio(row_sums(lengths >= _LONG_WORD_CHARACTERS, words.offsets), number),
        ratio(row_sums(words.have_digits(), words.offsets), number),
    ]


def _sorted_keys(words: Words) -> Ints:
    """Return the numbers of all words, ascending.

    Two words have the same number if they are equal and of one text. The numbers of a text are at
    the places of its words, in another order.
    """
    texts = np.repeat(np.arange(len(words.offsets) - 1), np.diff(words.offsets))
    return np.sort(texts * len(words.vocabulary) + words.numbers)


def _of_kinds(words: Words) -> _Columns:
    number = np.diff(words.offsets)
    kinds = (pa.array(terms.split(), words.vocabulary.type) for terms in _KINDS.values())
    are_of = (to_numpy(pc.is_in(words.vocabulary, value_set=kind)) for kind in kinds)
    return [ratio(row_sums(is_one[words.numbers], words.offsets), number) for is_one in are_of]


def _of_shape(answers: pa.Array, prompts: pa.Array, words: Words) -> _Columns:
    number = np.diff(words.offsets)
    beginnings = pc.utf8_slice_codeunits(answers, 0, _BEGINNING_CHARACTERS)
    counts = [*_signs(answers), to_numpy(pc.count_substring_regex(answers, _ITEMS))]
    shares = [ratio(count, number).clip(max=1) for count in counts]
    has = {name: _matches(answers, *patterns) for name, patterns in _HAS.items()}
    begins = [_matches(beginnings, pattern) for pattern in _BEGINS.values()]
    return [*shares, *has.values(), *begins, has["code"] & _matches(prompts, _CODE_ASKED)]


def _signs(answers: pa.Array) -> Iterator[Ints]:
    """Yield the number of each of `_SIGNS` in each answer."""
    content, offsets = bytes_of(answers)
    for signs in _SIGNS.values():
        yield row_sums(reduce(np.logical_or, (_begins(content, sign) for sign in signs)), offsets)


def _begins(content: NDArray[np.uint8], sign: str) -> Bools:
    """Return for each byte of texts whether a sign begins there."""
    first, *others = sign.encode()
    found: Bools = content == first
    for place, byte in enumerate(others, 1):
        found[:-place] &= content[place:] == byte
    return found


def _matches(texts: pa.Array, *patterns: str | AnyByte) -> Bools:
    found = np.zeros(len(texts), np.bool_)
    found[matching(texts, *patterns)] = True
    return found
