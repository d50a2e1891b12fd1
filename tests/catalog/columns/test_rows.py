from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from catalog.columns.arrow import to_arrow
from catalog.columns.rows import every_column, plain_rows
from catalog.records import AlternativeTurn, Client, Contribution, ToolCall, Turn
from catalog.schema import ALWAYS_PRESENT
from tests.factories import make_contribution, make_turns

TURN = {"role": None, "rating": None, "stopped": False, "edited_content": None}
CALL = ToolCall(name="look_up")


def rows_of(*contributions: Contribution) -> list[dict[str, Any]]:
    (batch,) = to_arrow(contributions).to_batches()
    return plain_rows(batch)


def test_a_contribution_of_texts_alone_has_its_first_columns_also_where_they_are_null() -> None:
    (row,) = rows_of(make_contribution(conversation=(Turn("Hi"),)))
    assert set(row) | set(TURN) | {"content"} == ALWAYS_PRESENT
    assert row["conversation"] == [{"content": "Hi", **TURN}]
    assert row["source"] is None


@pytest.mark.parametrize("beside", [0, 1])
def test_what_one_row_has_others_do_not_get(beside: int) -> None:
    full = make_contribution(
        conversation=(
            Turn("Hi", model="m"),
            Turn("", tool_calls=(CALL,), alternatives=((AlternativeTurn("No"),),)),
        ),
        client=Client("app"),
        labels={"a": "b", "": ""},
        created_at=datetime(2026, 11, 24, tzinfo=UTC),
    )
    *plain, row = rows_of(*(make_contribution() for _ in range(beside)), full)
    for other in plain:
        assert set(other) <= ALWAYS_PRESENT
        assert all(set(turn) <= ALWAYS_PRESENT for turn in other["conversation"])
    assert row["conversation"] == [
        {"content": "Hi", **TURN, "model": "m"},
        {
            "content": "",
            **TURN,
            "tool_calls": [{"name": "look_up"}],
            "alternatives": [[{"content": "No", **TURN}]],
        },
    ]
    assert row["client"] == {"name": "app"}
    assert row["labels"] == {"a": "b", "": ""}
    assert "title" not in row


def test_a_slice_of_a_batch_has_its_own_rows() -> None:
    made = [make_contribution(str(number), title=f"{number}") for number in range(4)]
    (batch,) = to_arrow(made).to_batches()
    rows = plain_rows(batch.slice(1, 2))
    assert [row["conversation"][0]["content"] for row in rows] == ["1", "2"]


def test_a_batch_of_a_column_that_nobody_filled_has_its_rows() -> None:
    (batch,) = to_arrow([make_contribution(), make_contribution()]).to_batches()
    assert plain_rows(batch.select(["title"])) == [{}, {}]


def test_maps_are_dicts_and_absent_columns_null_where_every_column_is_wanted() -> None:
    turns = make_turns("Hi")
    made = [make_contribution(conversation=turns, labels={"a": "b"}), make_contribution()]
    batch: pa.RecordBatch = to_arrow(made).to_batches()[0].select(["title", "labels"])
    assert every_column(batch) == [
        {"title": None, "labels": {"a": "b"}},
        {"title": None, "labels": None},
    ]
