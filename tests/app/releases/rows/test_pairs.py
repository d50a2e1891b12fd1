from typing import Any

import pyarrow as pa
import pytest

from app.releases.rows import pairs as pair_rows
from app.releases.rows import shared_prompts
from app.releases.rows.pairs import PairRows
from catalog.stages.tables import COMPUTED_STAGES
from tests.app.releases.factories import make_row, make_turn

_STAGE = COMPUTED_STAGES["curated"]


def converted(*conversations: list[dict[str, object]]) -> list[tuple[int, int]]:
    """Return the numbers of rows and contributions of each part of a release of pairs."""
    rows = [make_row(number, conversation=turns) for number, turns in enumerate(conversations)]
    batch = pa.RecordBatch.from_pylist(rows, _STAGE.arrow_schema)
    made = PairRows("preference", "curated", _STAGE.schema)
    return [(pairs.num_rows, found.num_rows) for pairs, found in made.convert(batch)]


def edited(question: str, answers: int = 1) -> list[dict[str, object]]:
    """Return turns in which every answer was edited."""
    turns = [make_turn("user", question)]
    for number in range(answers):
        turns += [
            make_turn("assistant", f"{number}", edited_content=f"better {number}"),
            make_turn("user", "And?"),
        ]
    return turns


def test_few_conversations_are_in_memory_with_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_rows, "_CONVERSATIONS_AT_ONCE", 2)
    plain = [make_turn("user", "Hi"), make_turn("assistant", "Hello")]
    assert converted(edited("a"), plain, edited("b", answers=3), edited("c")) == [(4, 2), (1, 1)]
    assert converted(plain) == []


def test_the_rows_of_a_conversation_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_rows, "MAX_BYTES_OF_CONVERSATION", 35_000)
    assert converted(edited("long " * 2_000, answers=9), edited("short", answers=9)) == [(12, 2)]


def rated(question: str, answer: str, rating: str) -> list[dict[str, object]]:
    return [make_turn("user", question), make_turn("assistant", answer, rating=rating)]


def paired(*rows: dict[str, object], shared_prompts: bool = True) -> tuple[list[Any], list[str]]:
    """Return what is preferred to what, and the contributions that count."""
    batch = pa.RecordBatch.from_pylist(list(rows), _STAGE.arrow_schema)
    made = PairRows("preference", "curated", _STAGE.schema, shared_prompts)
    parts = list(made.convert(batch))
    pairs = [
        (row["prompt"][0]["content"], row["chosen"][0]["content"], row["rejected"][0]["content"])
        for found, _ in parts
        for row in found.to_pylist()
    ]
    assert made.sources == ({"shared_prompt": len(pairs)} if pairs else {})
    return pairs, [name for _, found in parts for name in found["contribution_id"].to_pylist()]


def test_answers_to_a_shared_prompt_are_paired_where_their_ratings_are_opposite() -> None:
    conversations = [
        rated("Why?", "So", "positive"),
        rated("Why?", "Because", "positive"),
        rated("How?", "Thus", "negative"),
        rated("Why?", "Never", "negative"),
        rated("Why?", "So", "negative"),
        rated("Why?", "Thus", "positive"),
    ]
    rows = [make_row(number, conversation=turns) for number, turns in enumerate(conversations)]
    pairs, counted = paired(*rows)
    assert pairs == [("Why?", "So", "Never"), ("Why?", "Thus", "Never")]
    ids = [row["contribution_id"] for row in rows]
    assert sorted(counted) == sorted([ids[0], ids[3], ids[5]])
    assert paired(*rows, shared_prompts=False) == ([], [])


def test_prompts_are_not_shared_across_licences_or_other_turns_before() -> None:
    rows = [
        make_row(0, conversation=rated("Why?", "So", "positive")),
        make_row(1, conversation=rated("Why?", "No", "negative"), licence="CC0-1.0"),
        make_row(
            2, conversation=[make_turn("system", "Be kind"), *rated("Why?", "No", "negative")]
        ),
    ]
    assert paired(*rows) == ([], [])


def test_the_oldest_rated_answers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_prompts, "MAX_WAITING", 2)
    conversations = [
        *(rated(f"Why {number}?", "So", "positive") for number in range(3)),
        rated("Why 0?", "No", "negative"),
        rated("Why 2?", "No", "negative"),
    ]
    rows = [make_row(number, conversation=turns) for number, turns in enumerate(conversations)]
    assert paired(*rows)[0] == [("Why 2?", "So", "No")]
