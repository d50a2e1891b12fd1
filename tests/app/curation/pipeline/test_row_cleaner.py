"""The rules of `cleaned` as Daft calls them, with batches of any length."""

import pyarrow as pa
import pytest
from daft import Series

from app.curation.pipeline.row_cleaner import BATCH_ROWS, COMPUTED, RowCleaner
from app.curation.rules.standard import standard_rules
from catalog.records import Turn
from tests.app.curation.rules.cleaning.batches import batch_of, make_batch
from tests.batches import assert_row_by_row, sizes_around
from tests.factories import make_turns

CONVERSATIONS = (
    make_turns("What is it?", "A cat, so it seems."),
    (Turn("nobody answers", "user"),),
    (),
    make_turns(" ", "\n"),
    make_turns("Who are you?", "Nobody.", "Who else?", "ada@quillmere.net"),
)


def made(batch: pa.RecordBatch) -> pa.StructArray:
    """Return the cleaned rows of a batch as structs."""
    return RowCleaner(standard_rules({})).clean(*map(Series.from_arrow, batch.columns))


@pytest.mark.slow
def test_a_row_comes_out_the_same_in_any_batch() -> None:
    sizes = sizes_around(BATCH_ROWS)
    raw = make_batch(*CONVERSATIONS * (max(sizes) // len(CONVERSATIONS) + 2))
    assert_row_by_row(made, raw, sizes)


def test_no_rows_give_no_rows_and_a_dropped_row_has_no_signals() -> None:
    assert made(batch_of([])).type == pa.struct(list(COMPUTED))
    assert len(made(batch_of([]))) == 0
    rows = made(make_batch(*CONVERSATIONS)).to_pylist()
    assert [row["reason"] for row in rows] == [None, "no_exchange", "empty", "empty", None]
    for row in rows:
        computed = {row[name] is not None for name in ("signals", "bands", "prompt")}
        assert computed == {row["reason"] is None}


def test_the_language_of_a_row_decides_whether_it_has_a_quality_score() -> None:
    batch = make_batch(
        make_turns("nobody answers"),
        make_turns("Why is the sky blue?", "Air scatters short waves more than it scatters long."),
        make_turns("Warum ist er blau?", "Die Luft streut kurze Wellen stärker als die langen."),
    )
    rows = made(batch).to_pylist()
    assert [row["language"] for row in rows[1:]] == ["en", "de"]
    assert [row["quality_score"] is not None for row in rows] == [False, True, False]
