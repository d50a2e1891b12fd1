"""Excerpts of conversations for lists: the first prompt, its answer, and where a text was found."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from catalog.schema import CONVERSATION, ID

COLUMNS: Final = (
    ID,
    "received_at",
    "source",
    "agent_id",
    "title",
    *(f"{CONVERSATION}.{name}" for name in ("role", "content", "edited_content")),
    *(f"{CONVERSATION}.{name}" for name in ("rating", "model")),
)
"""The columns and fields of turns that excerpts are made of."""

_PROMPT_CHARACTERS: Final = 280
_ANSWER_CHARACTERS: Final = 420
_BEFORE_MATCH_CHARACTERS: Final = 80
_READ_CHARACTERS: Final = 10_000
"""Length of the part of a text that is looked at: a turn may have a megabyte, most of it spaces."""
_LONG_WORD_CHARACTERS: Final = 40
_USER: Final = "user"
_ASSISTANT: Final = "assistant"

Turn = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a passage.

    Attributes:
        text: The text.
        is_match: Whether it is the text that was searched for.
    """

    text: str
    is_match: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a turn, on one line.

    Attributes:
        place: The number of the turn, from 1.
        role: The role of the turn; None when it has none.
        pieces: The text, in order.
        is_cut_before: Whether the turn has more before it.
        is_cut_after: Whether the turn has more after it.
    """

    place: int
    role: str | None
    pieces: tuple[Piece, ...]
    is_cut_before: bool
    is_cut_after: bool


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What a list shows of a contribution.

    Attributes:
        contribution_id: The contribution.
        received_at: When it was received.
        source: Where it comes from; None when that isn't known.
        agent_id: The agent.
        title: The title; None without one.
        language: The language; None in a stage that doesn't tell.
        models: The models that its turns name.
        ratings: The ratings of its turns, each once.
        turns: Number of its turns.
        passages: The first prompt, the answer to it, and the turn in which a text was found, if
            that is another one.
    """

    contribution_id: str
    received_at: datetime
    source: str | None
    agent_id: str
    title: str | None
    language: str | None
    models: tuple[str, ...]
    ratings: tuple[str, ...]
    turns: int
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A text that was searched for.

    Attributes:
        text: The text, to be found in turns.
        in_line: Finds it in a passage, which has one space where the turn may have several.
    """

    text: str
    in_line: re.Pattern[str]

    @classmethod
    def of(cls, q: str | None) -> "_Wanted | None":
        """Return what was searched for; None for nothing, or for spaces alone."""
        words = (q or "").split()
        if q is None or not words:
            return None
        return cls(q, re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE))

    def places_in(self, texts: Sequence[str | None]) -> list[int | None]:
        """Return the byte of each text at which it has this one, in upper or lower case.

        RE2 takes a time that grows with the length of the texts. That of `re` grows with the
        product of both lengths, and no other thread can run Python in it.

        Returns:
            The places; -1 for a text that hasn't got it, and None for None.
        """
        array = pa.array(texts, pa.large_string())
        found: list[int | None] = pc.find_substring(array, self.text, ignore_case=True).to_pylist()
        return found


def excerpts(rows: pa.Table, q: str | None = None) -> list[Excerpt]:
    """Return excerpts of contributions.

    Args:
        rows: The contributions, with `COLUMNS`, and with their language if it is known.
        q: The text that was searched for; None when none was.
    """
    wanted = _Wanted.of(q)
    return [_excerpt(row, wanted) for row in rows.to_pylist()]


def _excerpt(row: Mapping[str, Any], wanted: _Wanted | None) -> Excerpt:
    turns: Sequence[Turn] = row[CONVERSATION] or ()
    return Excerpt(
        contribution_id=row[ID],
        received_at=row["received_at"],
        source=row["source"],
        agent_id=row["agent_id"],
        title=row["title"],
        language=row.get("language"),
        models=tuple(dict.fromkeys(turn["model"] for turn in turns if turn["model"])),
        ratings=tuple(dict.fromkeys(turn["rating"] for turn in turns if turn["rating"])),
        turns=len(turns),
        passages=tuple(_passages(turns, wanted)),
    )


def _passages(turns: Sequence[Turn], wanted: _Wanted | None) -> Iterator[Passage]:
    prompt = next((n for n, turn in enumerate(turns) if turn["role"] == _USER), 0)
    answer = next(
        (n for n, turn in enumerate(turns) if n > prompt and turn["role"] == _ASSISTANT), None
    )
    shown = [(prompt, _PROMPT_CHARACTERS)] if turns else []
    if answer is not None:
        shown.append((answer, _ANSWER_CHARACTERS))
    found = _first_with(turns, wanted) if wanted else None
    if found is not None and found not in {prompt, answer}:
        shown.append((found, _PROMPT_CHARACTERS))
    for place, characters in shown:
        yield _passage(place, turns[place], characters, wanted)


def _first_with(turns: Sequence[Turn], wanted: _Wanted) -> int | None:
    places = (
        wanted.places_in([turn[field] for turn in turns]) for field in ("content", "edited_content")
    )
    pairs = enumerate(zip(*places, strict=True))
    return next((n for n, pair in pairs if any(each not in {None, -1} for each in pair)), None)


def _texts(turn: Turn) -> list[str]:
    return [text for text in (turn["content"], turn["edited_content"]) if text]


def _passage(place: int, turn: Turn, characters: int, wanted: _Wanted | None) -> Passage:
    texts = _texts(turn) or [""]
    text, match = next(_found_in(texts, wanted), (texts[0], None))
    # The passage begins with the turn, unless the text that was found would lie beyond its end.
    begins = 0
    if wanted and match is not None and match + len(wanted.text) > characters:
        begins = max(0, match - _BEFORE_MATCH_CHARACTERS)
    read = text[begins : begins + _READ_CHARACTERS]
    line = " ".join(read.split())
    shown = _first_words(line, characters)
    is_cut = len(shown) < len(line) or begins + len(read) < len(text)
    pieces = tuple(_pieces(shown, wanted))
    return Passage(place + 1, turn["role"], pieces, begins > 0, is_cut)


def _found_in(texts: Sequence[str], wanted: _Wanted | None) -> Iterator[tuple[str, int]]:
    """Yield the texts that have what was searched for, each with the character of its place."""
    places = wanted.places_in(texts) if wanted else ()
    for text, place in zip(texts, places, strict=False):
        if place is not None and place >= 0:
            yield text, len(text.encode()[:place].decode())


def _first_words(line: str, characters: int) -> str:
    """Return the beginning of a line, cut between words unless a word is very long."""
    if len(line) <= characters:
        return line
    words, _, rest = line[: characters + 1].rpartition(" ")
    return words if len(rest) < _LONG_WORD_CHARACTERS else line[:characters]


def _pieces(text: str, wanted: _Wanted | None) -> Iterator[Piece]:
    """Yield the parts of a text, of which those that were searched for are marked."""
    place = 0
    for match in wanted.in_line.finditer(text) if wanted else ():
        if match.start() > place:
            yield Piece(text[place : match.start()], is_match=False)
        yield Piece(match[0], is_match=True)
        place = match.end()
    if place < len(text):
        yield Piece(text[place:], is_match=False)
