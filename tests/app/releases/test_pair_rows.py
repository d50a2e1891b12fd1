import pyarrow as pa
import pytest

from app.releases import pair_rows
from app.releases.pair_rows import PairRows
from catalog.stages import COMPUTED_STAGES
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
