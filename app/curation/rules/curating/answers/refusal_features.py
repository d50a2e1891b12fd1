"""What the model of refusals sees of an answer: its words, and the concepts that they stand for.

A concept is what words of many languages have in common, such as "not", "help" and "opinion". That
"not" and "help" stand near each other in refusals is thus learnt once, and not for each language.
`refusal_model/concepts.txt` lists the words of each concept:

- `help` is this word alone.
- `help*` is every word that begins like this, and `*help` every word that ends like this.
- A term of a script that is written without spaces is found anywhere, character by character.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Bools, Hashes, Ints, ratio, row_sums, to_numpy
from app.curation.rules.curating.words import Words, words_of

CONCEPTS_FILE: Final = Path(__file__).parent / "refusal_model" / "concepts.txt"
BUCKETS: Final = 1 << 16
"""Number of buckets that words and pairs of neighbouring words are hashed to."""
_MAX_WORDS: Final = 40
"""Number of first words that are read of an answer: a refusal shows itself in them. Where the last
of them is a character of a script that is written without spaces, twice as many are read."""
_WINDOW_WORDS: Final = 8
"""Greatest distance of two words that are near each other."""
_HEAD_WORDS: Final = 14
"""Number of first words that are the beginning of an answer."""
_END_WORDS: Final = 8
"""Number of last words, of those that are read, that are the end of an answer."""
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: Knuth, TAOCP 6.4
_BUCKET_SHIFT: Final = np.uint64(64 - 16)  # leaves 16 bits, which number `BUCKETS`
_QUOTES: Final = r"[\"“„”«»「」『』]"
_SHAPES: Final = (
    rf"^\s*(?:{_QUOTES}|[—–]|\*[^*])",  # noqa: RUF001 - speech in a story, not bold type
    _QUOTES,
    r"[?？;؟]\s*$",  # noqa: RUF001 - question marks of other scripts
    r"```|\n\s*(?:[-*•]|\d+[.)]) ",  # code, list
    r"\n",
    r"\d",
    r"[:：]",  # noqa: RUF001 - colons of other scripts
)
_CHARACTERS: Final = (20, 60, 120, 240, 480)
"""Limits of length, in characters: an answer has a feature for each that it exceeds."""
_CONTENT_WORDS: Final = (2, 4, 6, 8, 11, 14, 18, 22, 27)
_CONTENT_TENTHS: Final = (2, 3, 4, 5, 6, 7, 8)
"""Numbers of words that stand for no concept, and tenths that they are of all words: an answer has
a feature for each that it reaches. Most words of a refusal stand for a concept; an answer to what
was asked, also one after a disclaimer, has others. Two characters of scripts that are written
without spaces count as a word."""

ConceptMasks = NDArray[np.uint64]
"""For each word, a bit for each concept that it stands for."""


@dataclass(frozen=True, slots=True)
class RefusalFeatures:
    """What is seen of answers.

    Attributes:
        buckets: For each word of the answers, one after another, its bucket and that of the pair
            that it begins.
        offsets: The offsets of answers into `buckets`, as in `arrays`.
        dense: For each answer the features of its concepts and of its shape.
    """

    buckets: Ints
    offsets: Ints
    dense: Bools


@dataclass(frozen=True, slots=True)
class _Concepts:
    """The words of concepts.

    Attributes:
        number: Number of concepts.
        whole: Words, with their masks.
        beginnings: By their length, beginnings of words with their masks.
        endings: By their length, endings of words with their masks.
        sequences: By their length, hashes of runs of characters with their masks.
    """

    number: int
    whole: tuple[pa.Array, ConceptMasks]
    beginnings: dict[int, tuple[pa.Array, ConceptMasks]]
    endings: dict[int, tuple[pa.Array, ConceptMasks]]
    sequences: dict[int, tuple[Hashes, ConceptMasks]]


def refusal_features(answers: pa.Array, words: Words) -> RefusalFeatures:
    """Return what the model sees of answers.

    Args:
        answers: The texts of the answers.
        words: The words of the answers.
    """
    words = _first_words(words)
    lengths = np.diff(words.offsets)
    texts = np.repeat(np.arange(len(lengths)), lengths)
    masks = _masks(words, texts)
    dense = np.hstack(
        [
            _concept_features(masks, words.offsets, texts),
            _content_features(masks, words),
            _shape_features(answers),
        ]
    )
    return RefusalFeatures(_buckets(words), words.offsets, dense)


def _first_words(words: Words) -> Words:
    """Return the words that are read of each text."""
    lengths = np.diff(words.offsets)
    last = words.offsets[:-1] + np.minimum(lengths, _MAX_WORDS) - 1
    unspaced = (lengths > 0) & np.append(words.are_characters(), False)[last]
    return words.take(np.arange(len(lengths)), _MAX_WORDS * (1 + unspaced))


def _buckets(words: Words) -> Ints:
    """Return two buckets for each word: its own, and that of it and the next word of the text."""
    hashes = words.hashes()
    after = np.zeros_like(hashes)
    after[:-1] = hashes[1:]
    after[words.offsets[1:][np.diff(words.offsets) > 0] - 1] = 0  # the end of a text
    found = np.column_stack([hashes, hashes * _MULTIPLIER + after])
    return (found * _MULTIPLIER >> _BUCKET_SHIFT).astype(np.int64)


def _runs(hashes: Hashes, length: int) -> Hashes:
    """Return the hash of each run of so many words."""
    count = max(len(hashes) - length + 1, 0)
    found = hashes[:count].copy()
    for place in range(1, length):
        found = found * _MULTIPLIER + hashes[place : place + count]
    return found


def _concept_features(masks: ConceptMasks, offsets: Ints, texts: Ints) -> Bools:
    """Return features of the concepts that each text has.

    For each concept whether a text has it, whether it begins with it and whether it ends with it;
    and for each two concepts whether words of both are near each other.

    Args:
        masks: The concepts of every word.
        offsets: The offsets of texts into `masks`, as in `arrays`.
        texts: The text of every word.
    """
    # Four words of five stand for no concept, and are left out.
    places = np.flatnonzero(masks)
    masks, texts = masks[places], texts[places]
    begins = places - offsets[texts] < _HEAD_WORDS
    ends = offsets[texts + 1] - places <= _END_WORDS
    offsets, number = np.searchsorted(places, offsets), _concepts().number
    near = masks.copy()
    for distance in range(1, _WINDOW_WORDS + 1):
        is_near = (texts[distance:] == texts[:-distance]) & (
            places[distance:] - places[:-distance] <= _WINDOW_WORDS
        )
        near[:-distance] |= np.where(is_near, masks[distance:], 0).astype(np.uint64)
        near[distance:] |= np.where(is_near, masks[:-distance], 0).astype(np.uint64)
    bits = np.arange(number, dtype=np.uint64)
    columns = [_bits(_any_of(masks * part, offsets), bits) for part in (np.uint64(1), begins, ends)]
    for concept in range(number):
        has = (masks >> np.uint64(concept)) & np.uint64(1)
        columns.append(_bits(_any_of(near * has, offsets), bits[concept + 1 :]))
    return np.hstack(columns)


def _content_features(masks: ConceptMasks, words: Words) -> Bools:
    """Return features of the number of words that stand for no concept."""
    halves = 2 - words.are_characters().astype(np.int64)
    content = row_sums(np.where(masks == 0, halves, 0), words.offsets)
    tenths = 10 * ratio(content, row_sums(halves, words.offsets))
    return np.hstack(
        [
            content[:, None] >= 2 * np.array(_CONTENT_WORDS),
            tenths[:, None] >= np.array(_CONTENT_TENTHS),
        ]
    )


def _any_of(masks: ConceptMasks, offsets: Ints) -> ConceptMasks:
    """Return the bits that any word of each text has."""
    # `reduceat` reads an element also for an empty text, which may be last.
    found = np.bitwise_or.reduceat(np.append(masks, np.uint64(0)), offsets[:-1])
    found[np.diff(offsets) == 0] = 0
    return found


def _bits(masks: ConceptMasks, bits: ConceptMasks) -> Bools:
    return ((masks[:, None] >> bits) & np.uint64(1)).astype(np.bool_)


def _masks(words: Words, texts: Ints) -> ConceptMasks:
    """Return the concepts of every word, given the text of each."""
    vocabulary = words.vocabulary
    is_used = np.zeros(len(vocabulary), np.bool_)
    is_used[words.numbers] = True
    of_vocabulary = np.zeros(len(vocabulary), np.uint64)
    of_vocabulary[is_used] = _masks_of_words(vocabulary.filter(pa.array(is_used)))
    masks = of_vocabulary[words.numbers]
    characters = np.flatnonzero(words.are_characters())
    hashes = words.hashes() if len(characters) else np.zeros(0, np.uint64)
    for length, (terms, their_masks) in _concepts().sequences.items():
        begins = characters[characters <= len(hashes) - length]
        runs = _runs(hashes, length)[begins]
        places = np.minimum(np.searchsorted(terms, runs), len(terms) - 1)
        is_term = (terms[places] == runs) & (texts[begins] == texts[begins + length - 1])
        masks[begins[is_term]] |= their_masks[places[is_term]]
    return masks


def _masks_of_words(words: pa.Array) -> ConceptMasks:
    concepts = _concepts()
    masks = _looked_up(words, *concepts.whole)
    for length, table in concepts.beginnings.items():
        masks |= _looked_up(pc.utf8_slice_codeunits(words, 0, length), *table)
    for length, table in concepts.endings.items():
        masks |= _looked_up(pc.utf8_slice_codeunits(words, -length), *table)
    return masks


def _looked_up(words: pa.Array, terms: pa.Array, masks: ConceptMasks) -> ConceptMasks:
    places = to_numpy(pc.index_in(words, terms).fill_null(len(terms)))
    found: ConceptMasks = np.append(masks, np.uint64(0))[places]
    return found


def _shape_features(answers: pa.Array) -> Bools:
    columns = [to_numpy(pc.match_substring_regex(answers, shape)) for shape in _SHAPES]
    lengths = to_numpy(pc.utf8_length(answers))
    columns += [lengths > limit for limit in _CHARACTERS]
    return np.column_stack(columns).astype(np.bool_)


@cache
def _concepts() -> _Concepts:
    lines = [line.split(": ", 1) for line in CONCEPTS_FILE.read_text("utf-8").splitlines()]
    masks: dict[str, int] = defaultdict(int)
    for number, (_, terms) in enumerate(lines):
        for term in terms.split():
            masks[term] |= 1 << number
    parts = {term: mask for term, mask in masks.items() if "*" in term}
    plain = list(masks.keys() - parts.keys())
    split = words_of(pa.array(plain))
    is_run = split.are_characters()[split.offsets[:-1]]
    runs: dict[int, dict[int, int]] = defaultdict(dict)
    for place in np.flatnonzero(is_run):
        hashes = split.take(np.array([place])).hashes()
        runs[len(hashes)][int(_runs(hashes, len(hashes))[0])] = masks[plain[place]]
    return _Concepts(
        len(lines),
        _table({plain[place]: masks[plain[place]] for place in np.flatnonzero(~is_run)}),
        _by_length({term[:-1]: mask for term, mask in parts.items() if term[-1] == "*"}),
        _by_length({term[1:]: mask for term, mask in parts.items() if term[0] == "*"}),
        {length: _sorted(found) for length, found in runs.items()},
    )


def _by_length(terms: dict[str, int]) -> dict[int, tuple[pa.Array, ConceptMasks]]:
    return {
        length: _table({term: mask for term, mask in terms.items() if len(term) == length})
        for length in set(map(len, terms))
    }


def _table(terms: dict[str, int]) -> tuple[pa.Array, ConceptMasks]:
    return pa.array(list(terms), pa.large_string()), np.array(list(terms.values()), np.uint64)


def _sorted(terms: dict[int, int]) -> tuple[Hashes, ConceptMasks]:
    hashes = np.array(sorted(terms), np.uint64)
    return hashes, np.array([terms[int(each)] for each in hashes], np.uint64)
