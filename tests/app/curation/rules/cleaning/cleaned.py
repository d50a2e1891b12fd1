# texts in several scripts
"""What rows are cleaned to."""

from typing import Any

import pyarrow as pa

from app.curation.rules.cleaning.rows import clean
from app.curation.rules.interface import RAW_COLUMNS
from catalog.records import Attachment, ToolCall, Turn

TELLS_WHAT_WAS_DONE = ["masked", "cut_tokens", "irregular"]
"""The columns that tell how cleaning changed a row."""


NOT_GIVEN = dict.fromkeys(
    (
        "reasoning",
        "tool_calls",
        "tool_call_id",
        "name",
        "model",
        "created_at",
        "attachments",
        "alternatives",
    )
)
"""The fields of a turn whose client gave nothing but the first five."""


def cleaned(batch: pa.RecordBatch) -> dict[str, Any]:
    """Return the one row that a batch is cleaned to."""
    (row,) = clean(batch).to_pylist()
    result: dict[str, Any] = row
    return result


def contents(batch: pa.RecordBatch) -> list[str]:
    return [turn["content"] for turn in cleaned(batch)["conversation"]]


def again(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return cleaned rows as a batch of raw rows."""
    return batch.select(RAW_COLUMNS)


def assert_stays_clean(once: pa.RecordBatch) -> None:
    """Check that cleaning cleaned rows changes nothing, and that nothing is counted then.

    Why a conversation is irregular stays as well, but for a blank turn that was removed: nothing
    shows any more that there was one.
    """
    twice = clean(again(once))
    assert twice.drop_columns(TELLS_WHAT_WAS_DONE).equals(once.drop_columns(TELLS_WHAT_WAS_DONE))
    assert not any(any(each.values()) for each in twice["masked"].to_pylist())
    assert twice["cut_tokens"].null_count == len(twice)
    for first, second in zip(
        *(rows["irregular"].to_pylist() for rows in (once, twice)), strict=True
    ):
        known, found = set(first or ()), set(second or ())
        assert known - found <= {"blank_turn_removed"}
        if "blank_turn_removed" in known:
            meeting = {"repeated_role", "call_without_answer", "tool_without_answer"}
            assert found - known <= meeting
            assert found & meeting
        else:
            assert found == known


CALL = ToolCall("call_1", "weather", '{"city": "Bonn"}')


PICTURE = Attachment("image", text="A cat")


def turns_of(*said: tuple[str, str]) -> list[Turn]:
    """Return turns, given roles and contents."""
    return [Turn(content, role) for role, content in said]
