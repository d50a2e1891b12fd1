"""Measures repetition: runs of words, lines and turns that occur again."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.curation.rules.curating.arrays import Hashes, Ints, offsets_of, ratio, row_sums, to_numpy
from app.curation.rules.curating.shingles import HashLists, mixed, ngrams
from app.curation.rules.curating.words import Turns, Words

TOP_NGRAM_WORDS: Final = 3
DUPLICATE_NGRAM_WORDS: Final = 5
MIN_LOOP_RUNS: Final = 25
"""A loop repeats at least as many runs: a short answer may well say one thing three times."""
MIN_LOOP_PART: Final = 0.25
"""Share of repeated runs of a turn from which it is searched for loops."""
# Bits of a hash in a key, below the number of its row: one sort then groups rows and their hashes.
_HASH_BITS: Final = np.uint64(40)
_TABLE_BITS: Final = 20


def repeated_ngrams(
    turns: Turns, words: Words, answers: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    """Return the signals `top_ngram_ratio`, `duplicate_ngram_ratio` and `loop_ratio`.

    Args:
        turns: The turns.
        words: The words of each turn.
        answers: Which turns are answers.
    """
    hashed = HashLists(words.hashes(), words.offsets)
    number = np.diff(words.offsets[turns.offsets])
    conversations = np.repeat(np.arange(len(number)), np.diff(turns.offsets))
    shorter = ngrams(hashed, TOP_NGRAM_WORDS)
    shorter_keys = _keys(shorter)
    found, counts = _counted(shorter_keys)
    found, counts = found[counts > 1], counts[counts > 1]
    most = np.zeros(len(number), np.int64)
    np.maximum.at(most, conversations[_rows_of(found)], counts)
    runs = ngrams(hashed, DUPLICATE_NGRAM_WORDS)
    runs_of_turns = np.diff(runs.offsets)
    # Only a run whose first words are repeated can be: so most runs needn't be sorted.
    begins = np.arange(len(runs.hashes)) + np.repeat(
        (shorter.offsets - runs.offsets)[:-1], runs_of_turns
    )
    may_repeat = _maybe_among(found, shorter_keys[begins])
    found, counts = _counted(_keys(runs)[may_repeat])
    repeated = np.bincount(_rows_of(found), counts - 1, len(answers))
    may_loop = answers & (repeated >= np.maximum(runs_of_turns * MIN_LOOP_PART, MIN_LOOP_RUNS))
    looping = np.zeros(len(answers), np.int64)
    looping[may_loop] = _looping(runs.chosen(may_loop))
    return {
        # At most 1: runs of the same word again and again overlap.
        "top_ngram_ratio": ratio(most * TOP_NGRAM_WORDS, number).clip(max=1),
        "duplicate_ngram_ratio": ratio(
            row_sums(repeated, turns.offsets), row_sums(runs_of_turns, turns.offsets)
        ),
        "loop_ratio": ratio(
            row_sums(looping, turns.offsets), row_sums(runs_of_turns * answers, turns.offsets)
        ),
    }


def repeated_lines(lines: pa.Array, offsets: Ints) -> NDArray[np.bool_]:
    """Return which lines are the same as an earlier line of their turn.

    Args:
        lines: The lines of all turns.
        offsets: The offsets of turns into `lines`, as in `arrays`.
    """
    return _seen_before(lines, np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)))


def repeated_turns(contents: pa.Array, lengths: Ints) -> Ints:
    """Return the number of turns of each conversation that are the same as an earlier one.

    Args:
        contents: The texts of turns, one conversation after another.
        lengths: Number of turns of each conversation.
    """
    repeated = _seen_before(contents, np.repeat(np.arange(len(lengths)), lengths))
    return row_sums(repeated, offsets_of(lengths))


def _seen_before(texts: pa.Array, rows: Ints) -> NDArray[np.bool_]:
    """Return which texts are the same as an earlier text of their row."""
    codes = to_numpy(texts.dictionary_encode().indices).astype(np.int64)
    _, first = np.unique(rows << np.int64(32) | codes, return_index=True)
    seen = np.ones(len(texts), np.bool_)
    seen[first] = False
    return seen


def _counted(keys: Hashes) -> tuple[Hashes, Ints]:
    """Return the distinct keys, ascending, and how often each is there."""
    keys = np.sort(keys)
    begins = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    return keys[begins], np.diff(begins, append=len(keys))


def _rows_of(keys: Hashes) -> Ints:
    """Return the number of the row that each key is of."""
    return (keys >> _HASH_BITS).astype(np.int64)


def _maybe_among(some: Hashes, keys: Hashes) -> NDArray[np.bool_]:
    """Return which keys are in `some`, or, which is rare, share a place in the table with one."""
    table = np.zeros(1 << _TABLE_BITS, np.bool_)
    table[_places(some)] = True
    return table[_places(keys)]


def _places(keys: Hashes) -> Hashes:
    return mixed(keys) >> np.uint64(64 - _TABLE_BITS)


def _looping(runs: HashLists) -> Ints:
    """Return the number of runs of each row that are in a loop.

    A chorus, a table or a derivation says the same again, with something else between. In a loop
    every run was last said the same number of words ago, for at least twice that number.
    """
    keys = _keys(runs)
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(np.diff(keys[order]) == 0)
    # How far back each run was last said; 0 if it wasn't.
    back = np.zeros(len(keys), np.int64)
    back[order[same + 1]] = order[same + 1] - order[same]
    begins = np.flatnonzero(np.diff(back, prepend=-1))
    lengths = np.diff(begins, append=len(back))
    in_loop = (back[begins] > 0) & (lengths >= 2 * back[begins])
    found: Ints = row_sums(np.repeat(in_loop, lengths), runs.offsets)
    return found


def _keys(grams: HashLists) -> Hashes:
    """Return a key for each hash: the number of its row, and bits of the hash."""
    rows = np.repeat(np.arange(len(grams.offsets) - 1, dtype=np.uint64), np.diff(grams.offsets))
    return rows << _HASH_BITS | grams.hashes >> np.uint64(24)
