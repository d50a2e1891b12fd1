"""Finds conversations that hold texts of evaluation sets, which models are tested on.

A conversation overlaps with a text if most words of the text are in runs of words that both have.
The share of words is that of Tülu 3 (section 3.2 of Lambert et al., "Tülu 3: Pushing frontiers in
open language model post-training", 2024); the least number of them is that of GPT-3 (appendix C of
Brown et al., "Language models are few-shot learners", 2020). Case, punctuation and white space
don't count. A character of a script that is written without spaces counts as half a word.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.curating.arrays import Bools, Hashes, Ints, offsets_of, row_sums, to_numpy
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.shingles import HashLists, mixed, ngrams, sequences
from app.curation.rules.curating.words import Conversations, Turns, turns_of, words_of

# Weights in half words.
_CHARACTER_WEIGHT: Final = 1
_WORD_WEIGHT: Final = 2
# A run is looked up in a table of bits first. With sixteen places a run, few others set the same.
_PLACES_PER_RUN: Final = 16
_MIN_TABLE_BITS: Final = 10
_MAX_TABLE_BITS: Final = 24
_NO_SET: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationItem:
    """An item of an evaluation set.

    Attributes:
        prompt: What a model is asked.
        answer: The right answer, or one to compare with; None where the set has none.
    """

    prompt: str
    answer: str | None = None


class Contamination:
    """The texts of evaluation sets, by which conversations that hold one are found.

    It takes about 14 bytes for each word of the texts, and up to 16 MiB for its table.
    """

    def __init__(
        self, sets: Mapping[str, Sequence[EvaluationItem]], parameters: CuratingParameters
    ) -> None:
        """Prepare to look for texts.

        Args:
            sets: The items of each set, by its name.
            parameters: The thresholds.
        """
        self._parameters = parameters
        self._names = list(sets)
        by_set = [_texts(items) for items in sets.values()]
        texts = [text for of_set in by_set for text in of_set]
        of_set = np.repeat(np.arange(len(by_set)), [len(of_set) for of_set in by_set])
        is_prompt = np.array([is_prompt for _, is_prompt in texts], np.bool_)
        words = words_of(pa.array([text for text, _ in texts], pa.large_string()))
        hashed = HashLists(words.hashes(), words.offsets)
        weights = np.where(words.are_characters(), _CHARACTER_WEIGHT, _WORD_WEIGHT)
        whole = sequences(hashed)
        weight = row_sums(weights, words.offsets)
        is_long = weight >= _WORD_WEIGHT * parameters.contaminated_run_words
        is_telling = weight >= _WORD_WEIGHT * np.where(
            is_prompt, parameters.min_whole_prompt_words, parameters.min_contaminated_words
        )
        chosen = is_telling & _are_first(of_set, whole)
        self._whole, first = np.unique(whole[chosen & ~is_long], return_index=True)
        self._set_of_whole = of_set[chosen & ~is_long][first]
        self._index(hashed, weights, of_set, chosen & is_long)

    def _index(self, words: HashLists, weights: Ints, of_set: Ints, chosen: Bools) -> None:
        """Index the runs of words of the chosen texts."""
        length = self._parameters.contaminated_run_words
        self._set_of_text = of_set[chosen]
        weights = weights[np.repeat(chosen, np.diff(words.offsets))]
        texts = words.chosen(chosen)
        self._offsets = texts.offsets
        runs = ngrams(texts, length)
        numbers = np.diff(runs.offsets)
        # The place of each run's first word among the words of all texts.
        starts = np.arange(len(runs.hashes)) + np.repeat(
            (texts.offsets - runs.offsets)[:-1], numbers
        )
        of_sets = np.repeat(self._set_of_text, numbers).astype(np.uint64)
        _, codes = np.unique(mixed(runs.hashes + of_sets), return_inverse=True)
        is_own = np.bincount(codes)[codes] <= self._parameters.max_run_times
        hashes, starts = runs.hashes[is_own], starts[is_own]
        covering = np.zeros(len(weights) + 1, np.int64)
        np.add.at(covering, starts, 1)
        np.add.at(covering, starts + length, -1)
        self._weights = (weights * (np.cumsum(covering)[:-1] > 0)).astype(np.uint8)
        self._weight_of_text = row_sums(self._weights.astype(np.int64), texts.offsets)
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._starts = hashes[order], starts[order].astype(np.int32)
        bits = (len(hashes) * _PLACES_PER_RUN).bit_length()
        bits = min(max(bits, _MIN_TABLE_BITS), _MAX_TABLE_BITS)
        self._table_shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << bits, np.bool_)
        self._table[hashes >> self._table_shift] = True

    def overlaps(self, conversations: Conversations) -> dict[str, pa.Array]:
        """Return with which evaluation set each conversation overlaps, and how much.

        Returns:
            The columns `evaluation_set` and `overlap` of a stage: the name of the set that has the
            text with the greatest overlap, the first of equal ones, and the share of that text's
            words; null for a conversation without an overlap.
        """
        turns = turns_of(conversations)
        hashed = HashLists(turns.words.hashes(), turns.words.offsets)
        number = len(turns.offsets) - 1
        found, overlap = np.full(number, _NO_SET), np.zeros(number)
        for conversation, of_set in self._whole_prompts(turns, hashed):
            found[conversation], overlap[conversation] = of_set, 1.0
        for conversation, of_set, share in self._long_texts(turns, hashed):
            if (share, -of_set) > (overlap[conversation], -found[conversation]):
                found[conversation], overlap[conversation] = of_set, share
        is_clean = found == _NO_SET
        names = pa.array([*self._names, None], pa.large_string())
        return {
            "evaluation_set": names.take(pa.array(np.where(is_clean, len(self._names), found))),
            "overlap": pa.array(overlap, mask=is_clean),
        }

    def _whole_prompts(self, turns: Turns, words: HashLists) -> Iterator[tuple[int, int]]:
        """Yield the conversations in which a user says a short prompt and no more, and its set."""
        most = self._parameters.contaminated_run_words * _WORD_WEIGHT // _CHARACTER_WEIGHT
        lengths = np.diff(words.offsets)
        is_short = (lengths < most) & (lengths >= self._parameters.min_whole_prompt_words)
        is_short &= to_numpy(pc.equal(turns.field("role"), "user"))
        hashes = sequences(words.chosen(is_short))
        is_known = np.isin(hashes, self._whole)
        said = np.flatnonzero(is_short)[is_known]
        of_sets = self._set_of_whole[np.searchsorted(self._whole, hashes[is_known])]
        # The caller keeps the last set of a conversation, so the first set is yielded last.
        order = np.argsort(-of_sets, kind="stable")
        conversations = _rows_of(said[order], turns.offsets)
        yield from zip(conversations.tolist(), of_sets[order].tolist(), strict=True)

    def _long_texts(self, turns: Turns, words: HashLists) -> Iterator[tuple[int, int, float]]:
        """Yield the conversations that share enough runs with a text, its set and the overlap."""
        runs = ngrams(words, self._parameters.contaminated_run_words)
        places = np.flatnonzero(self._table[runs.hashes >> self._table_shift])
        if not len(places):
            return
        hashes = runs.hashes[places]
        at = np.searchsorted(self._hashes, hashes).clip(max=len(self._hashes) - 1)
        is_known = self._hashes[at] == hashes
        hashes, places = hashes[is_known], places[is_known]
        conversations = _rows_of(_rows_of(places, runs.offsets), turns.offsets)
        begins = np.flatnonzero(np.diff(conversations, prepend=-1))
        for begin, end in pairwise([*begins.tolist(), len(conversations)]):
            for text, share in self._most_covered(np.unique(hashes[begin:end])):
                yield int(conversations[begin]), int(self._set_of_text[text]), share

    def _most_covered(self, hashes: Hashes) -> Iterator[tuple[int, float]]:
        """Yield the text that these runs cover most, if they cover enough, and the share of it."""
        first = np.searchsorted(self._hashes, hashes)
        number = np.searchsorted(self._hashes, hashes, side="right") - first
        places = np.arange(number.sum()) + np.repeat(first - offsets_of(number)[:-1], number)
        length = self._parameters.contaminated_run_words
        covered = np.unique(self._starts[places][:, np.newaxis] + np.arange(length))
        texts, codes = np.unique(_rows_of(covered, self._offsets), return_inverse=True)
        weight = np.bincount(codes, self._weights[covered])
        whole = self._weight_of_text[texts]
        least = np.minimum(whole, _WORD_WEIGHT * self._parameters.min_contaminated_words)
        shares = weight / whole
        shares[weight < least] = 0
        best = int(np.argmax(shares))
        if shares[best] > self._parameters.max_overlap:
            yield int(texts[best]), float(shares[best])


def _texts(items: Sequence[EvaluationItem]) -> list[tuple[str, bool]]:
    """Return the distinct texts of items, and whether each is a prompt."""
    prompts = dict.fromkeys(item.prompt for item in items)
    answers = dict.fromkeys(item.answer for item in items if item.answer)
    return [*((text, True) for text in prompts), *((text, False) for text in answers)]


def _are_first(of_set: Ints, hashes: Hashes) -> Bools:
    """Return which texts say something else than the earlier ones of their set."""
    keys = np.stack([of_set.astype(np.uint64), hashes])
    first: Any = np.unique(keys, axis=1, return_index=True)[1]
    are_first = np.zeros(len(hashes), np.bool_)
    are_first[first] = True
    return are_first


def _rows_of(places: Ints, offsets: Ints) -> Ints:
    """Return the row of each value with one of these indices; offsets are as in `arrays`."""
    return np.searchsorted(offsets, places, side="right") - 1
