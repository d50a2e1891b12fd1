"""Rows of what was replaced: kept as bytes, and counted as of any commit."""

import numpy as np
import pyarrow as pa
from msgspec.structs import replace

from app.query.counts.replaced_rows import count_as_of, decode, encode, says, with_numbers
from app.query.counts.rows import RowCounts
from catalog.columns.arrow import to_arrow
from catalog.records import Turn
from tests.factories import make_received

NUMBERS = np.array([3, 7, 7])


def replaced_of(*sources: str | None) -> pa.Table:
    turns = (Turn("What is it?", "user"), Turn("It.", "assistant", model="m", rating="positive"))
    made = [
        replace(make_received(0, str(place), source=source), conversation=turns)
        for place, source in enumerate(sources)
    ]
    return with_numbers(to_arrow(made), NUMBERS)


def test_rows_are_the_same_after_they_were_kept() -> None:
    rows = replaced_of("a", None, "b")
    assert decode(encode(rows)) == rows
    assert decode(encode(rows[:0])) == rows[:0]
    assert "content" not in str(rows.schema)


def test_rows_of_later_commits_are_not_counted() -> None:
    rows = replaced_of("a", "b", "b")
    assert count_as_of(rows, 2, ["source"]) == RowCounts(0, 0, {"source": []})
    assert count_as_of(rows, 6, ["source"]) == RowCounts(1, 2, {"source": [("a", 1, 2)]})
    assert count_as_of(rows, 7, ["model"]).by["model"] == [(None, 3, 3), ("m", 3, 3)]


def test_rows_are_told_from_those_that_are_counted_otherwise() -> None:
    rows = replaced_of("a", "b", "b")
    assert says(rows, rows)
    assert says(rows[:0], rows[:0])
    assert says(rows, pa.concat_tables([rows[1:], rows[:1]]))
    assert not says(rows, rows[1:])
    assert not says(rows, replaced_of("b", "b", "a"))
    assert not says(rows, replaced_of("a", "b", "a"))
