"""What scorers say of conversations: scores by category, and the turns that are flagged.

No rule leaves a row out for it. Scorers see texts as the stage has them: repaired and masked.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.cleaning.columns import VISIBLE
from app.curation.rules.cleaning.turns import TurnColumns
from app.curation.rules.interface import SCORES_BY, ScoreCondition
from catalog.stages.tables import COMPUTED_STAGES

_SCHEMA: Final = COMPUTED_STAGES["cleaned"].arrow_schema
SCORES: Final = _SCHEMA.field("scores")
"""The column with the scores of each conversation."""
FLAGS: Final = _SCHEMA.field("flags")
"""The column with the turns that are flagged."""
_DIGITS: Final = 4
"""Digits of a score. Models that run in batches don't agree on more."""


@dataclass(frozen=True, slots=True)
class TextScores:
    """What a scorer says of a text.

    Attributes:
        scores: How surely it is of each category, from 0 to 1.
        flags: The categories that it is flagged for.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    flags: Collection[str] = ()


class Scorer(Protocol):
    """Tells how surely texts are of some categories, such as insults."""

    @property
    def name(self) -> str:
        """The name of the scorer, as the column `scores` has it."""

    @property
    def version(self) -> str:
        """A text that differs whenever the scorer may say something else, such as by its model."""

    def score(self, texts: Sequence[str]) -> Iterable[TextScores | None]:
        """Return, for each text in order, what the scorer says of it.

        What it says of a text must not depend on the other texts. None stands for a text that it
        can't be asked about now, such as by a server that is away; later builds ask again.
        """


@dataclass(frozen=True, slots=True)
class Scoring:
    """What texts are scored by.

    Attributes:
        scorers: The scorers, in the order in which a conversation has their scores.
        flagged: The conditions by which turns are flagged; None if each scorer flags them itself.
    """

    scorers: tuple[Scorer, ...] = ()
    flagged: tuple[ScoreCondition, ...] | None = None

    def versions(self) -> Iterator[str]:
        """Yield texts that differ whenever scores or flags may."""
        for scorer in self.scorers:
            yield f"{SCORES_BY} {scorer.name} {scorer.version}"
        if self.scorers and self.flagged is not None:
            yield f"flags by {', '.join(map(str, self.flagged))}"

    def flags_of(self, said: TextScores) -> Collection[str]:
        """Return the categories that a text is flagged for."""
        if self.flagged is None:
            return said.flags
        return [
            each.category for each in self.flagged if said.scores.get(each.category, 0) > each.above
        ]


NO_SCORING: Final = Scoring()
"""No scorer is asked."""


def scored(
    turns: TurnColumns, is_kept: npt.NDArray[np.bool_], scoring: Scoring
) -> dict[str, pa.Array]:
    """Return the columns `scores` and `flags` of conversations.

    The score of a conversation is the highest of its turns. A conversation with a turn that a
    scorer can't be asked about now has no scores and flags of that scorer, but an element without
    a category.

    Args:
        turns: The turns of the conversations. Those that show a text are scored.
        is_kept: Whether the stage keeps each conversation; the others have no scores.
        scoring: The scorers; without any, both columns are null.
    """
    if not scoring.scorers:
        return {each.name: pa.nulls(turns.conversations, each.type) for each in (SCORES, FLAGS)}
    has_text = pc.match_substring_regex(turns["content"], VISIBLE).to_numpy(zero_copy_only=False)
    places = np.flatnonzero(has_text & is_kept[turns.row])
    texts = turns["content"].take(pa.array(places)).to_pylist()
    scores: list[list[dict[str, Any]]] = [[] for _ in range(turns.conversations)]
    flags: defaultdict[int, set[str]] = defaultdict(set)
    for scorer in scoring.scorers:
        said = list(zip(places.tolist(), scorer.score(texts), strict=True))
        unscored = {int(turns.row[place]) for place, of_text in said if of_text is None}
        highest: defaultdict[int, dict[str, float]] = defaultdict(dict)
        for place, of_text in said:
            row = int(turns.row[place])
            if of_text is None or row in unscored:
                continue
            for category, score in of_text.scores.items():
                highest[row][category] = max(score, highest[row].get(category, 0.0))
            if flagged_for := scoring.flags_of(of_text):
                flags[place].update(flagged_for)
        for row in sorted({*unscored, *highest}):
            scores[row] += _elements(scorer, highest[row])
    return {
        SCORES.name: pa.array([of_row or None for of_row in scores], SCORES.type),
        FLAGS.name: _flags(turns, flags),
    }


def _elements(scorer: Scorer, scores: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the elements of `scores` by a scorer; one without a category if there is no score."""
    asked = {"scorer": scorer.name, "version": scorer.version}
    if not scores:
        return [{**asked, "category": None, "score": None}]
    return [
        {**asked, "category": category, "score": round(scores[category], _DIGITS)}
        for category in sorted(scores)
    ]


def _flags(turns: TurnColumns, flags: Mapping[int, set[str]]) -> pa.Array:
    """Return the flags of each conversation, given those of some turns."""
    lists: list[list[dict[str, Any]] | None] = [None] * turns.conversations
    offsets = turns.offsets.to_pylist()
    for place in sorted(flags):
        row = int(turns.row[place])
        turn = place - offsets[row]
        found = [{"turn": turn, "category": category} for category in sorted(flags[place])]
        lists[row] = [*(lists[row] or []), *found]
    return pa.array(lists, FLAGS.type)
