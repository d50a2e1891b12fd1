from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from app.curation.pipeline.unscored import is_unscored
from app.curation.rules.cleaning.rows import clean
from app.curation.rules.cleaning.scores import NO_SCORING, Scoring, TextScores
from app.curation.rules.interface import ScoreCondition
from tests.app.curation.rules.cleaning.batches import make_batch, said
from tests.app.curation.scorers.judging import Counting, Shouting
from tests.factories import make_turns

BOTH = Scoring((Shouting(), Counting()))


def element(scorer: str, version: str, category: str | None, score: float | None) -> dict[str, Any]:
    return {"scorer": scorer, "version": version, "category": category, "score": score}


def flag(turn: int, category: str) -> dict[str, Any]:
    return {"turn": turn, "category": category}


def test_a_conversation_has_the_highest_score_of_its_turns_by_each_scorer() -> None:
    row = clean(said("Hi", "HO", "ab12"), scoring=BOTH)
    assert row["scores"].to_pylist() == [
        [element("shouting", "1", "shouting", 1.0), element("counting", "2", "digits", 0.5)]
    ]
    assert row["flags"].to_pylist() == [[flag(1, "shouting")]]


def test_a_conversation_without_a_flagged_turn_has_no_flags() -> None:
    row = clean(said("Hi", "ho"), scoring=BOTH)
    assert row["flags"].to_pylist() == [None]
    assert row["scores"].to_pylist()[0][0] == element("shouting", "1", "shouting", 0.5)


def test_conditions_decide_what_is_flagged_instead_of_the_scorers() -> None:
    scoring = Scoring(BOTH.scorers, (ScoreCondition("digits", 0.4), ScoreCondition("shouting", 2)))
    assert clean(said("HI", "12"), scoring=scoring)["flags"].to_pylist() == [[flag(1, "digits")]]


def test_without_scorers_both_columns_are_null() -> None:
    row = clean(said("HI", "HO"), scoring=NO_SCORING)
    assert row["scores"].null_count == row["flags"].null_count == 1
    assert row.schema == clean(said("HI", "HO"), scoring=BOTH).schema


def test_a_conversation_that_a_scorer_can_not_be_asked_about_has_only_the_others_scores() -> None:
    batch = make_batch(make_turns("HI", "GO AWAY 1"), make_turns("Hi", "HO"))
    rows = clean(batch, scoring=BOTH)
    scores = rows["scores"].to_pylist()
    assert scores[0][0] == element("shouting", "1", None, None)
    assert scores[0][1]["scorer"] == "counting"
    assert scores[1][0] == element("shouting", "1", "shouting", 1.0)
    assert rows["flags"].to_pylist() == [None, [flag(1, "shouting")]]
    assert is_unscored(rows["scores"]).to_pylist() == [True, False]


class Noting:
    """Notes the texts that it is asked about."""

    name = "noting"
    version = "1"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def score(self, texts: Sequence[str]) -> Iterator[TextScores]:
        """Return no scores."""
        self.asked += texts
        return (TextScores({}) for _ in texts)


def test_scorers_see_clean_texts_of_kept_conversations_only() -> None:
    noting = Noting()
    batch = make_batch(make_turns("Mail ada@quillmere.net", "Ho"), make_turns("Alone"))
    rows = clean(batch, scoring=Scoring((noting,)))
    assert rows["reason"].to_pylist() == [None, "no_exchange"]
    assert noting.asked == ["Mail <EMAIL>", "Ho"]
    # Scorers that know no category for any turn leave nothing behind.
    assert rows["scores"].to_pylist() == [None, None]


def test_a_scorer_that_returns_too_few_scores_ends_the_build() -> None:
    class Short(Noting):
        def score(self, texts: Sequence[str]) -> Iterator[TextScores]:
            return (TextScores({}) for _ in texts[1:])

    with pytest.raises(ValueError, match="shorter"):
        clean(said("Hi", "Ho"), scoring=Scoring((Short(),)))
