from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from app.releases.counts.statistics import Feedback, Frequencies
from app.releases.counts.tally import ReleaseTally
from catalog.stages.tables import COMPUTED_STAGES
from tests.app.releases.factories import make_row, make_turn


def tallied(*rows: dict[str, Any]) -> ReleaseTally:
    """Return the counts of rows of a stage, which come one by one."""
    tally = ReleaseTally()
    for row in rows:
        tally.add(pa.RecordBatch.from_pylist([row], COMPUTED_STAGES["curated"].arrow_schema))
    return tally


def test_what_contributors_said_of_turns_is_counted() -> None:
    other = make_turn("assistant", "Good day", rating="negative")
    turns = [
        make_turn("user", "Hello", rating="positive"),
        make_turn("assistant", "Hi", rating="negative", edited_content="Hello", stopped=True),
        make_turn("assistant", "Hi", rating="negative", alternatives=[[other]]),
    ]
    tally = tallied(make_row(1), make_row(2, conversation=turns))
    assert tally.feedback() == Feedback(
        positive=1, negative=2, edited=1, alternatives=1, stopped=1, contributions=1
    )


def test_models_are_those_of_the_turns_of_assistants() -> None:
    turns = [
        make_turn("user", "Hello", model="not a speaker"),
        make_turn("assistant", "Hi", model="model-1"),
        make_turn("assistant", "Hi"),
    ]
    tally = tallied(make_row(1), make_row(2, conversation=turns, agent_id="agent-2", source=None))
    assert tally.models.frequencies() == Frequencies(counts={"model-1": 1}, without=2)
    assert tally.agents.frequencies() == Frequencies(counts={"agent-2": 1, "test-agent": 1})
    assert tally.sources.frequencies() == Frequencies(counts={"app": 1}, without=1)


def test_rows_are_counted_by_tenths_of_their_score() -> None:
    scores = [0.0, 0.099, 0.1, 0.3, 0.57, 0.6, 0.7, 0.999, 1.0, None]
    tally = tallied(*(make_row(place, quality_score=score) for place, score in enumerate(scores)))
    assert tally.quality_scores == {
        "0.0": 2,
        "0.1": 1,
        "0.3": 1,
        "0.5": 1,
        "0.6": 1,
        "0.7": 1,
        "0.9": 2,
    }


def test_irregular_rows_are_counted_once_and_under_each_of_their_reasons() -> None:
    tally = tallied(
        make_row(1),
        make_row(2, irregular=["ends_with_user", "repeated_role"], cut_tokens=3),
        make_row(3, irregular=["ends_with_user"], day=2),
    )
    assert tally.irregular == {"ends_with_user": 2, "repeated_role": 1}
    assert tally.irregular_contributions == 2
    assert tally.cut_tokens == 3
    assert tally.first_received_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert tally.last_received_at == datetime(2026, 3, 3, 12, tzinfo=UTC)
