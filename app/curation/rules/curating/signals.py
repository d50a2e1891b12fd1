"""Quality signals: what is measured of a conversation, for rules to judge it by.

They are those of Gopher (table A1 of Rae et al., "Scaling language models", 2021) and of C4
(section 2.2 of Raffel et al., 2020), recorded beside the text as RedPajama-V2 does (Weber et al.,
2024), so that other thresholds need no second reading. Conversations differ from pages: a turn may
say again what another said, as when code is revised, so repetition is measured within turns.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.curating.phrases import (
    BOILERPLATE,
    REFUSAL,
    REFUSAL_CHARACTERS,
)
from app.curation.rules.curating.repetition import (
    repeated_lines,
    repeated_ngrams,
    repeated_turns,
)
from app.curation.rules.curating.words import (
    Ints,
    Turns,
    Words,
    numpy,
    offsets_of,
    ratio,
    sums,
    turns_of,
    words_of,
)
from catalog.stages import COMPUTED_STAGES

STOP_WORDS: Final = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Words that any English text has two of (Gopher)."""

_TYPE: Final = COMPUTED_STAGES["cleaned"].arrow_schema.field("signals").type
_ELLIPSIS: Final = r"(?:\.\.\.|…)\s*$"
_WHITE: Final = np.isin(np.arange(256), list(b" \t\n\v\f\r"))


def signals(conversations: pa.Array | pa.ChunkedArray) -> pa.StructArray:
    """Return the quality signals of conversations, of the type of the column `signals` of a stage.

    Ratios are from 0 to 1, and 0 where there is nothing to count:

    - `words`: of all turns; `mean_word_length`: their characters.
    - `symbol_ratio`: characters that are neither white space nor of words, of all but white space.
    - `alphabetic_ratio`: words with a letter, of all.
    - `stop_words`: how many of the eight `STOP_WORDS` occur.
    - `ellipsis_ratio`: lines that end with an ellipsis, of those that have text.
    - `duplicate_line_ratio`: characters of lines that their turn had before, of all.
    - `top_ngram_ratio`: words of the three in a row that a turn has most often, of all; 0 for once.
    - `duplicate_ngram_ratio`: runs of five words that their turn had before, of all.
    - `repeated_turn_ratio`: answers that are the same as an earlier one, of all.
    - `refusal_ratio`: answers that begin with a refusal, of all.
    - `boilerplate_ratio`: characters of lines of boilerplate, of all.
    - `positive_ratings`, `negative_ratings`: how many turns were rated so.

    A call costs some milliseconds beside its rows, to compile what phrases are told by.
    """
    turns = turns_of(conversations)
    contents = turns.field("content").cast(pa.large_string())
    words = words_of(contents)
    measured = (
        _of_words(turns, words, contents)
        | repeated_ngrams(turns, words)
        | _of_lines(turns, contents)
        | _of_answers(turns, contents)
        | _of_ratings(turns)
    )
    columns = [pa.array(measured[field.name], field.type) for field in _TYPE]
    return pa.StructArray.from_arrays(columns, fields=list(_TYPE))


def _of_words(turns: Turns, words: Words, contents: pa.Array) -> dict[str, NDArray[Any]]:
    offsets = words.offsets[turns.offsets]
    lengths = numpy(pc.utf8_length(words.vocabulary)).astype(np.int64)[words.numbers]
    lettered = numpy(pc.match_substring_regex(words.vocabulary, r"\p{L}"))[words.numbers]
    number, letters = np.diff(offsets), sums(lengths, offsets)
    visible = sums(_visible_characters(contents), turns.offsets)
    return {
        "words": number,
        "mean_word_length": ratio(letters, number),
        # Lower case can be longer by a character, as that of a dotted I.
        "symbol_ratio": ratio(visible - letters, visible).clip(min=0),
        "alphabetic_ratio": ratio(sums(lettered, offsets), number),
        "stop_words": _stop_words(words, offsets),
    }


def _visible_characters(contents: pa.Array) -> Ints:
    """Return how many characters of texts aren't white space of ASCII."""
    _, offsets, data = contents.buffers()
    bounds = np.frombuffer(offsets, np.int64)[contents.offset :][: len(contents) + 1]
    content = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    characters = numpy(pc.utf8_length(contents)).astype(np.int64)
    white: Ints = sums(_WHITE[content], bounds - bounds[0])
    return characters - white


def _stop_words(words: Words, offsets: Ints) -> Ints:
    places = pc.index_in(words.vocabulary, pa.array(STOP_WORDS, words.vocabulary.type))
    bits = np.left_shift(1, numpy(places.fill_null(len(STOP_WORDS)))).astype(np.uint16)
    # A last number, so that rows without words have one to look at, which is no stop word.
    found = np.append(bits[words.numbers], np.uint16(0))
    seen = np.bitwise_or.reduceat(found, offsets[:-1]) if len(offsets) > 1 else found[:0]
    seen[np.diff(offsets) == 0] = 0
    stop_words = np.uint16((1 << len(STOP_WORDS)) - 1)
    return np.array(np.bitwise_count(seen & stop_words), np.int64)


def _of_lines(turns: Turns, contents: pa.Array) -> dict[str, NDArray[Any]]:
    lists = pc.split_pattern(contents, "\n")
    offsets = offsets_of(pc.list_value_length(lists))
    lines = pc.ascii_trim_whitespace(pc.list_flatten(lists))
    lengths = numpy(pc.utf8_length(lines)).astype(np.int64)
    by_conversation = offsets[turns.offsets]
    ellipses = numpy(pc.match_substring_regex(lines, _ELLIPSIS))
    boilerplate = numpy(pc.match_substring_regex(lines, BOILERPLATE, ignore_case=True))
    characters = sums(lengths, by_conversation)
    repeated = repeated_lines(lines, offsets)
    return {
        "ellipsis_ratio": ratio(
            sums(ellipses, by_conversation), sums(lengths > 0, by_conversation)
        ),
        "duplicate_line_ratio": ratio(sums(lengths * repeated, by_conversation), characters),
        "boilerplate_ratio": ratio(sums(lengths * boilerplate, by_conversation), characters),
    }


def _of_answers(turns: Turns, contents: pa.Array) -> dict[str, NDArray[Any]]:
    answers = numpy(pc.equal(turns.field("role"), "assistant"))
    beginnings = pc.utf8_slice_codeunits(contents, 0, REFUSAL_CHARACTERS)
    refusals = numpy(pc.match_substring_regex(beginnings, REFUSAL, ignore_case=True))
    repeated = repeated_turns(contents.filter(pa.array(answers)), sums(answers, turns.offsets))
    number = sums(answers, turns.offsets)
    return {
        "refusal_ratio": ratio(sums(answers & refusals, turns.offsets), number),
        "repeated_turn_ratio": ratio(repeated, number),
    }


def _of_ratings(turns: Turns) -> dict[str, NDArray[Any]]:
    ratings = turns.field("rating")
    return {
        f"{rating}_ratings": sums(numpy(pc.equal(ratings, rating).fill_null(False)), turns.offsets)
        for rating in ("positive", "negative")
    }
