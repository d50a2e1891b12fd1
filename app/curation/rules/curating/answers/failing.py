"""Finds answers that fail: refusals, parrots, placeholders and what programs print instead.

Each turn of an assistant that shows a text is an answer, to the turn before it.
"""

from string import punctuation
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import VISIBLE
from app.curation.rules.curating.answers.error_phrases import ERROR_MESSAGE, ERROR_OUTPUT
from app.curation.rules.curating.answers.phrases import (
    ASKED_AGAIN,
    ASKED_BLANK,
    ASKED_ERROR,
    ASKED_MARK,
    ASKED_OBJECT,
    ASKED_VALUE,
    BLANK,
    FAILED_CHARACTERS,
    MARK,
    OBJECT,
    OUTPUT_CHARACTERS,
    VALUE,
)
from app.curation.rules.curating.answers.refusal_phrases import (
    ASKS_WHETHER,
    BRIEF_WORDS,
    NOT_REFUSED,
)
from app.curation.rules.curating.answers.refusals import REFUSAL_CHARACTERS, refuse
from app.curation.rules.curating.arrays import Bools, Ints, to_numpy
from app.curation.rules.curating.words import Turns, Words

MIN_PARROT_WORDS: Final = 4
"""A shorter prompt may well be answered by the same words, as a greeting is."""
MAX_PARROT_INTRODUCTION_WORDS: Final = 6
"""Number of words that a parrot may say before the prompt, as in "You asked: …"."""
MIN_PARROT_PART: Final = 0.95
"""Share of the prompt that a parrot says which stops before its end."""
MIN_ONE_TOKEN_TIMES: Final = 5
"""How often an answer says its only word."""
MAX_GAP: Final = 3
"""Mean number of characters between words that are said again and again."""
MIN_ONE_LETTER_TIMES: Final = 8
"""How often an answer says its only letter."""

_NO_ANSWERS: Final = (
    ("placeholder", FAILED_CHARACTERS, BLANK, ASKED_BLANK),
    ("placeholder", FAILED_CHARACTERS, MARK, ASKED_MARK),
    ("repr", FAILED_CHARACTERS, VALUE, ASKED_VALUE),
    ("repr", OUTPUT_CHARACTERS, OBJECT, ASKED_OBJECT),
    ("error_message", FAILED_CHARACTERS, ERROR_MESSAGE, ASKED_ERROR),
    ("error_message", OUTPUT_CHARACTERS, ERROR_OUTPUT, ASKED_OBJECT),
)
"""The forms of answers that are none. A row has the kind, the length of the longest such answer in
characters, an expression for the answer, and one for the prompts to which it is a right answer."""
_ONE_SYMBOL: Final = (
    r"^\s*(?:" + "|".join(rf"(?:\x{{{ord(sign):x}}}\s*){{8,}}" for sign in punctuation) + ")$"
)


def answers_of(turns: Turns) -> Bools:
    """Return which turns are answers."""
    by_assistant = pc.equal(turns.field("role"), "assistant")
    shows_text = pc.match_substring_regex(turns.field("content"), VISIBLE)
    return to_numpy(pc.and_(by_assistant, shows_text))


def prompts_of(turns: Turns) -> Ints:
    """Return the index of the turn before each turn, and -1 for a turn that begins."""
    before = np.arange(-1, len(turns.turns) - 1)
    before[turns.offsets[:-1][np.diff(turns.offsets) > 0]] = -1
    return before


def failed_answers(
    turns: Turns, answers: Bools, contents: pa.Array, words: Words
) -> dict[str, Any]:
    """Return for each kind of failed answer which turns are one.

    Args:
        turns: The turns.
        answers: Which turns are answers.
        contents: The content of each turn.
        words: The words of each content.
    """
    lengths = to_numpy(pc.utf8_length(contents))
    prompts = prompts_of(turns)
    brief = np.flatnonzero(answers & (lengths <= REFUSAL_CHARACTERS))
    refusing = brief[refuse(contents.take(pa.array(brief)), words.take(brief))]
    refusing = _unasked(contents, refusing, prompts, NOT_REFUSED)
    is_brief = np.diff(words.offsets)[refusing] <= BRIEF_WORDS
    one_token = _one_token(answers, contents, lengths, words)
    places = {
        "refusal": [
            refusing[~is_brief],
            _unasked(contents, refusing[is_brief], prompts, ASKS_WHETHER),
        ],
        "one_token": [_unasked(contents, one_token, prompts, ASKED_AGAIN)],
        "parrot": [_parrots(turns, answers, prompts, words)],
    }
    for kind, most, pattern, asked in _NO_ANSWERS:
        found = _matching(contents, np.flatnonzero(answers & (lengths <= most)), pattern)
        places.setdefault(kind, []).append(_unasked(contents, found, prompts, asked))
    return {
        kind: np.isin(np.arange(len(contents)), np.concatenate(found))
        for kind, found in places.items()
    }


def _matching(contents: pa.Array, places: Ints, pattern: str) -> Ints:
    """Return those of the places whose content matches a pattern."""
    texts = contents.take(pa.array(places))
    found: Ints = places[to_numpy(pc.match_substring_regex(texts, pattern, ignore_case=True))]
    return found


def _unasked(contents: pa.Array, places: Ints, prompts: Ints, pattern: str) -> Ints:
    """Return those of the places that answer no prompt that matches a pattern."""
    asking = _matching(contents, np.maximum(prompts[places], 0), pattern)
    return places[~np.isin(prompts[places], asking)]


def _one_token(answers: Bools, contents: pa.Array, lengths: Ints, words: Words) -> Ints:
    """Return the answers that are one word, letter or symbol again and again."""
    number = np.diff(words.offsets)
    bare = np.flatnonzero(answers & (number == 0))
    many = np.flatnonzero(answers & (number >= MIN_ONE_TOKEN_TIMES))
    first, last = words.offsets[many], words.offsets[many + 1]
    # Two words that differ tell most answers apart, and only the others are read whole.
    alike = words.numbers[first] == words.numbers[last - 1]
    same = [
        place
        for place, begin, end in zip(many[alike], first[alike], last[alike], strict=True)
        if (words.numbers[begin:end] == words.numbers[begin]).all()
        # Else it is a drawing of symbols, which has letters for eyes.
        and lengths[place]
        <= (end - begin) * (len(words.vocabulary[words.numbers[begin]].as_py()) + MAX_GAP)
    ]
    alone = np.flatnonzero(answers & (number == 1))
    spoken = words.vocabulary.take(pa.array(words.numbers[words.offsets[alone]])).to_pylist()
    letters = [
        place
        for place, word in zip(alone, spoken, strict=True)
        if len(word) >= MIN_ONE_LETTER_TIMES and len(set(word)) == 1
    ]
    return np.concatenate(
        [_matching(contents, bare, _ONE_SYMBOL), np.array([*same, *letters], np.int64)]
    )


def _parrots(turns: Turns, answers: Bools, prompts: Ints, words: Words) -> Ints:
    """Return the answers that only repeat the turn of a user before them.

    A conversation that begins with a system turn has none: that may ask for the text as it is, in
    another form.
    """
    number = np.diff(words.offsets)
    asked = number[prompts]
    by_user = to_numpy(pc.equal(turns.field("role"), "user"))[prompts] & (prompts >= 0)
    longer = number - asked
    possible = np.flatnonzero(
        answers
        & by_user
        & ~_under_system(turns)
        & (asked >= MIN_PARROT_WORDS)
        & (longer <= MAX_PARROT_INTRODUCTION_WORDS)
        & (number >= MIN_PARROT_PART * asked)
    )
    # The first or the last word tells most answers apart, and only the others are read whole.
    begins, ends = words.offsets[:-1], words.offsets[1:] - 1
    alike = [
        words.numbers[places[possible]] == words.numbers[places[prompts[possible]]]
        for places in (begins, ends)
    ]
    found = []
    for place in possible[np.logical_or(*alike)]:
        said = words.numbers[words.offsets[place] : words.offsets[place + 1]]
        prompt = words.numbers[words.offsets[prompts[place]] :][: asked[place]]
        if np.array_equal(said[-len(prompt) :], prompt) or np.array_equal(
            said, prompt[: len(said)]
        ):
            found.append(place)
    return np.array(found, np.int64)


def _under_system(turns: Turns) -> Bools:
    """Return which turns are in a conversation that begins with a system turn."""
    lengths = np.diff(turns.offsets)
    by_system = np.append(to_numpy(pc.equal(turns.field("role"), "system")), False)
    return np.repeat(by_system[turns.offsets[:-1]] & (lengths > 0), lengths)
