"""How alike two conversations are: as much as their prompts, and as each of their answers.

Prompts that differ in one word may ask for something else, however long the passage before the
question. So they are alike only if one contains the other, as after a greeting; misspelt words
count as the same. Long answers may differ in some words, as when a model answers twice. Signs of
sums and programs, which are in no word, have to be the same: C++ isn't C#, nor is x + y x - y.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress, pairwise, starmap
from operator import ne
from typing import Final

import mmh3
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.curating.arrays import Hashes
from app.curation.rules.curating.shingles import distinct_sets, jaccard, shingles_of
from app.curation.rules.curating.words import Words

# A shorter word becomes another one too often when a letter changes: cat, car.
_MIN_MISSPELT_CHARACTERS: Final = 4
# All but signs; a line under a heading has none.
_NO_SIGNS: Final = r"={3,}|[^+=/%±×÷√≠≤≥≈]+"  # noqa: RUF001  # the sign of multiplication
_NO_SHINGLES: Final = np.zeros(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Said:
    """A text that is compared, such as what one side of a conversation says.

    Attributes:
        words: The words, in order.
        shingles: The distinct shingles, ascending.
    """

    words: tuple[str, ...]
    shingles: Hashes


@dataclass(frozen=True, slots=True)
class Exchange:
    """A conversation without what its system and tools say.

    Attributes:
        prompt: What the user says in all turns.
        answers: What the assistant says in each turn.
        signs: The signs of sums and programs in the prompt, and those in all answers.
    """

    prompt: Said
    answers: Sequence[Said]
    signs: tuple[str, str] = ("", "")

    def answered(self) -> tuple[str, ...]:
        """Return the words of all answers."""
        return tuple(chain.from_iterable(answer.words for answer in self.answers))

    def sets(self) -> tuple[Hashes, Hashes]:
        """Return the shingles of the prompt, and those of all answers."""
        shingles = [_NO_SHINGLES, *(answer.shingles for answer in self.answers)]
        return self.prompt.shingles, np.concatenate(shingles)


def texts_said(words: Words) -> list[Said]:
    """Return each of some texts. Equal words are one object, so that they take little memory."""
    vocabulary = np.array([*words.vocabulary.to_pylist(), ""], np.object_)
    every = vocabulary[words.numbers].tolist()
    listed = (tuple(every[begin:end]) for begin, end in pairwise(words.offsets.tolist()))
    return list(map(Said, listed, distinct_sets(shingles_of(words))))


def signs_in(texts: pa.Array) -> pa.Array:
    """Return the signs of sums and programs in each text, without those of markup."""
    return pc.replace_substring_regex(texts, _NO_SIGNS, "")


def without_words(text: str) -> Said:
    """Return a text without words, such as a drawing, which is taken for one word."""
    return Said((text,), np.array([mmh3.hash64(text, signed=False)[0]], np.uint64))


def similarity(one: Exchange, other: Exchange, least: float) -> float:
    """Return how alike two conversations are, from 0 to 1: the lesser similarity of both sides.

    The similarity of prompts is their `containment`, and so is that of answers. If there are as
    many answers in both, it may also be the least similarity of an answer to the other one in its
    place: their containment or the Jaccard similarity of their shingles, whichever is greater. So
    conversations that part at their last answers aren't alike, however long they are. Neither are
    those with other signs.

    Args:
        one: A conversation.
        other: Another one.
        least: The least similarity that matters, over 0; a lesser one may be returned as 0.
    """
    if one.signs != other.signs:
        return 0
    prompts = containment(one.prompt.words, other.prompt.words, least)
    if not prompts:
        return 0
    answers = containment(one.answered(), other.answered(), least)
    if answers < 1 and len(one.answers) == len(other.answers):
        places = zip(one.answers, other.answers, strict=True)
        answers = max(answers, min(_alike(*place, least) for place in places))
    return min(prompts, answers)


def _alike(one: Said, other: Said, least: float) -> float:
    contained = containment(one.words, other.words, least)
    return contained if contained == 1 else max(contained, jaccard(one.shingles, other.shingles))


def containment(one: Sequence[str], other: Sequence[str], least: float) -> float:
    """Return the share of the longer text that is the shorter one, and 0 if it isn't in it.

    Args:
        one: The words of a text.
        other: The words of another one.
        least: The least share that matters, over 0; 0 is returned for a lesser one.
    """
    if one == other:
        return 1
    shorter, longer = (one, other) if len(one) <= len(other) else (other, one)
    if len(shorter) < least * len(longer):
        return 0
    first = shorter[0]
    for start in range(len(longer) - len(shorter) + 1):
        # Nearly all places are told by their first word.
        word = longer[start]
        if (word == first or _is_misspelt(first, word)) and _are_misspelt(
            shorter, longer[start : start + len(shorter)]
        ):
            return len(shorter) / len(longer)
    return 0


def _are_misspelt(one: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether each word of a text is that of another one, maybe misspelt."""
    differing = compress(zip(one, other, strict=True), map(ne, one, other))
    return all(starmap(_is_misspelt, differing))


def _is_misspelt(one: str, other: str) -> bool:
    """Tell whether words differ by one letter that is added, left out, replaced or swapped."""
    shorter, longer = (one, other) if len(one) <= len(other) else (other, one)
    if len(longer) < _MIN_MISSPELT_CHARACTERS or len(longer) - len(shorter) > 1:
        return False
    differing = compress(range(len(shorter)), map(ne, shorter, longer))
    start = next(differing, len(shorter))
    if len(shorter) < len(longer):
        return shorter[start:] == longer[start + 1 :]
    swapped = shorter[start + 1 : start + 2] + shorter[start : start + 1] + shorter[start + 2 :]
    return longer[start:] == swapped or shorter[start + 1 :] == longer[start + 1 :]
