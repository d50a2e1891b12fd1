"""Quality signals: measures of a conversation that the rules of quality compare with thresholds.

The signals are those of Gopher (table A1 of Rae et al., "Scaling language models", 2021) and of C4
(section 2.2 of Raffel et al., 2020), recorded beside the text as RedPajama-V2 does (Weber et al.,
2024), so that a change of thresholds needs no text to be read again. Unlike a page, a conversation
may well repeat itself from turn to turn, as when code is revised, so repetition is measured within
turns.

Signals measure contents. Reasoning, attachments, alternatives and calls of tools are no prose that
somebody reads, and don't count, but for the words of calls.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.curation.rules.cleaning.columns import are_among, bytes_of
from app.curation.rules.cleaning.said import said
from app.curation.rules.curating.answers.failing import answers_of, failed_answers
from app.curation.rules.curating.answers.phrases import BOILERPLATE
from app.curation.rules.curating.arrays import Ints, offsets_of, ratio, row_sums, to_numpy
from app.curation.rules.curating.quality.repetition import (
    repeated_lines,
    repeated_ngrams,
    repeated_turns,
)
from app.curation.rules.curating.words import Conversations, Turns, Words, turns_of, words_of
from catalog.stages.tables import COMPUTED_STAGES

STOP_WORDS: Final = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Frequent English words; Gopher's filter expects at least two of them in an English text."""

MIN_REPEATED_ANSWER_WORDS: Final = 8
"""A shorter answer may be right again and again, as labels are."""

_TYPE: Final = COMPUTED_STAGES["cleaned"].arrow_schema.field("signals").type
_WHITE: Final = b" \t\n\v\f\r"


def signals(conversations: Conversations) -> pa.StructArray:
    """Return the quality signals of conversations, of the type of the column `signals` of a stage.

    Ratios are from 0 to 1, and 0 where there is nothing to count:

    - `words`: number of words of all turns, with those of their calls of tools.
    - `mean_word_length`: mean number of characters of a word.
    - `symbol_ratio`: share of characters that are in no word, among all but white space.
    - `alphabetic_ratio`: share of words that have a letter.
    - `stop_words`: number of the eight `STOP_WORDS` that occur.
    - `ellipsis_ratio`: share of lines that end with an ellipsis, among lines with text.
    - `duplicate_line_ratio`: share of characters in lines that their turn had before.
    - `top_ngram_ratio`: share of words in the run of three words that a turn has most often; 0 if
      no turn has a run twice.
    - `duplicate_ngram_ratio`: share of runs of five words that their turn had before.
    - `repeated_turn_ratio`: share of answers that are the same as an earlier answer. An assistant's
      turn that only calls tools is no answer.
      Answers of fewer than `MIN_REPEATED_ANSWER_WORDS` words, such as "Yes", don't count.
    - `loop_ratio`: share of runs of five words of answers in which the answer says the same three
      or more times without a word between.
    - `refusal_ratio`: share of answers that refuse, and leave it at that.
    - `placeholder_ratio`: share of answers such as "[your answer here]", "N/A" and "...".
    - `repr_ratio`: share of answers such as "<object at 0x7f00>", "None" and "NaN".
    - `error_message_ratio`: share of answers such as "Error 429" and "Internal server error".
    - `one_token_ratio`: share of answers that are one word, letter or symbol again and again.
    - `parrot_ratio`: share of answers that only repeat the prompt.
    - `boilerplate_ratio`: share of characters in lines of boilerplate.
    - `positive_ratings`, `negative_ratings`: number of turns with this rating.

    A call takes some milliseconds to compile regular expressions, so rows are best given in large
    batches.
    """
    turns = turns_of(conversations)
    contents = turns.field("content").cast(pa.large_string())
    words = turns.words
    answers = answers_of(turns)
    measured = (
        _word_signals(turns, words, contents)
        | repeated_ngrams(turns, words, answers)
        | _line_signals(turns, contents)
        | _answer_signals(turns, answers, contents, words)
        | _rating_signals(turns)
    )
    columns = [pa.array(measured[field.name], field.type) for field in _TYPE]
    return pa.StructArray.from_arrays(columns, fields=list(_TYPE))


def _word_signals(turns: Turns, words: Words, contents: pa.Array) -> dict[str, NDArray[Any]]:
    offsets = words.offsets[turns.offsets]
    lengths = to_numpy(pc.utf8_length(words.vocabulary)).astype(np.int64)[words.numbers]
    lettered = to_numpy(pc.match_substring_regex(words.vocabulary, r"\p{L}"))[words.numbers]
    number, letters = np.diff(offsets), row_sums(lengths, offsets)
    visible = row_sums(_visible_characters(contents), turns.offsets)
    return {
        "words": number + row_sums(_words_of_calls(turns), turns.offsets),
        "mean_word_length": ratio(letters, number),
        # Lower case can be longer by a character, as that of a dotted I.
        "symbol_ratio": ratio(visible - letters, visible).clip(min=0),
        "alphabetic_ratio": ratio(row_sums(lettered, offsets), number),
        "stop_words": _stop_words(words, offsets),
    }


def _words_of_calls(turns: Turns) -> Ints:
    """Return the number of words in each turn's calls of tools."""
    calls = turns.field("tool_calls")
    has_calls = pc.is_valid(calls)
    numbers = np.zeros(len(calls), np.int64)
    of_calls = calls.filter(has_calls)
    nothing = pa.repeat(pa.scalar("", pa.large_string()), len(of_calls))
    numbers[to_numpy(has_calls)] = np.diff(words_of(said(nothing, of_calls)).offsets)
    return numbers


def _visible_characters(contents: pa.Array) -> Ints:
    """Return the number of characters of each text that aren't white space of ASCII."""
    content, offsets = bytes_of(contents)
    characters = to_numpy(pc.utf8_length(contents)).astype(np.int64)
    white: Ints = row_sums(are_among(content, _WHITE), offsets)
    return characters - white


def _stop_words(words: Words, offsets: Ints) -> Ints:
    """Return the number of distinct stop words of each conversation."""
    places = pc.index_in(words.vocabulary, pa.array(STOP_WORDS, words.vocabulary.type))
    bits = np.left_shift(1, to_numpy(places.fill_null(len(STOP_WORDS)))).astype(np.uint16)
    # One more, no stop word: `reduceat` reads an element also for an empty row, which may be last.
    found = np.append(bits[words.numbers], np.uint16(0))
    seen = np.bitwise_or.reduceat(found, offsets[:-1]) if len(offsets) > 1 else found[:0]
    seen[np.diff(offsets) == 0] = 0
    stop_words = np.uint16((1 << len(STOP_WORDS)) - 1)
    return np.array(np.bitwise_count(seen & stop_words), np.int64)


def _line_signals(turns: Turns, contents: pa.Array) -> dict[str, NDArray[Any]]:
    lists = pc.split_pattern(contents, "\n")
    offsets = offsets_of(pc.list_value_length(lists))
    lines = pc.ascii_trim_whitespace(pc.list_flatten(lists))
    lengths = to_numpy(pc.utf8_length(lines)).astype(np.int64)
    by_conversation = offsets[turns.offsets]
    ellipses = to_numpy(pc.or_(pc.ends_with(lines, "..."), pc.ends_with(lines, "…")))
    boilerplate = _boilerplate(contents, lines, offsets)
    characters = row_sums(lengths, by_conversation)
    repeated = repeated_lines(lines, offsets)
    return {
        "ellipsis_ratio": ratio(
            row_sums(ellipses, by_conversation), row_sums(lengths > 0, by_conversation)
        ),
        "duplicate_line_ratio": ratio(row_sums(lengths * repeated, by_conversation), characters),
        "boilerplate_ratio": ratio(row_sums(lengths * boilerplate, by_conversation), characters),
    }


def _boilerplate(contents: pa.Array, lines: pa.Array, offsets: Ints) -> NDArray[np.bool_]:
    """Return which lines are boilerplate, given the contents that they are of."""
    # Few contents have any, and a search of each line takes longer than one of all at once.
    some = to_numpy(pc.match_substring_regex(contents, f"(?im){BOILERPLATE}"))
    maybe = np.repeat(some, np.diff(offsets))
    chosen = lines.filter(pa.array(maybe))
    maybe[maybe] = to_numpy(pc.match_substring_regex(chosen, BOILERPLATE, ignore_case=True))
    return maybe


def _answer_signals(
    turns: Turns, answers: NDArray[np.bool_], contents: pa.Array, words: Words
) -> dict[str, NDArray[Any]]:
    number = row_sums(answers, turns.offsets)
    telling = answers & (np.diff(words.offsets) >= MIN_REPEATED_ANSWER_WORDS)
    repeated = repeated_turns(contents.filter(pa.array(telling)), row_sums(telling, turns.offsets))
    failed = failed_answers(turns, answers, contents, words)
    return {
        "repeated_turn_ratio": ratio(repeated, number),
    } | {
        f"{kind}_ratio": ratio(row_sums(found, turns.offsets), number)
        for kind, found in failed.items()
    }


def _rating_signals(turns: Turns) -> dict[str, NDArray[Any]]:
    ratings = turns.field("rating")
    return {
        f"{rating}_ratings": row_sums(
            to_numpy(pc.equal(ratings, rating).fill_null(False)), turns.offsets
        )
        for rating in ("positive", "negative")
    }
