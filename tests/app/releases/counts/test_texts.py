from typing import Any

import pyarrow as pa
import pytest

from app.releases.counts.texts import Histogram, MessageTally
from app.releases.recipe import Form
from app.releases.rows.conversations import ConversationRows
from catalog.stages.tables import COMPUTED_STAGES
from tests.app.releases.factories import make_row, make_tool_row, make_turn
from tests.batches import cut

STAGE = COMPUTED_STAGES["curated"]


def published(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Return the rows of a release of conversations."""
    batch = pa.RecordBatch.from_pylist(rows, STAGE.arrow_schema)
    ((made, _),) = ConversationRows("curated", STAGE.schema).convert(batch)
    return made


def tallied(*batches: pa.RecordBatch) -> MessageTally:
    """Return the counts of published rows."""
    tally = MessageTally()
    for batch in batches:
        tally.add(batch)
    return tally


def test_messages_and_characters_are_counted_by_role() -> None:
    thought = make_turn("assistant", "Hi", reasoning="Say hi")
    turns = [make_turn("system", "Be good"), make_turn("user", "你好"), thought]
    texts = tallied(published([make_row(1, conversation=turns), make_row(2, "one")])).texts()
    assert texts.messages == {"assistant": 1, "system": 1, "user": 2}
    assert texts.characters == {"assistant": 8, "system": 7, "user": 5}
    assert texts.rows_by_messages == {"1": 1, "2": 0, "4": 1}
    assert texts.rows_by_characters == {"250": 2}
    assert (texts.most_messages, texts.most_characters) == (3, 17)


def test_counts_are_the_same_however_the_rows_are_cut_into_batches() -> None:
    made = [make_row(number, "question " * number, "an answer") for number in range(40)]
    batch = published([*made, *map(make_tool_row, range(40, 60))])
    whole, parts = tallied(batch), tallied(*cut(batch))
    assert whole.texts() == parts.texts()
    assert whole.tokens() == parts.tokens()


@pytest.mark.parametrize("form", ["preference", "unpaired"])
def test_a_row_of_preferences_counts_its_prompt_and_its_answers(form: Form) -> None:
    names = {"preference": ["prompt", "chosen", "rejected"], "unpaired": ["prompt", "completion"]}
    message = {"role": "user", "content": "12345"}
    row = {"contribution_id": "1", **{name: [message] for name in names[form]}}
    kind = pa.large_list(pa.struct({"role": pa.large_string(), "content": pa.large_string()}))
    schema = pa.schema({"contribution_id": pa.large_string(), **dict.fromkeys(names[form], kind)})
    texts = tallied(pa.RecordBatch.from_pylist([row], schema)).texts()
    assert texts.messages == {"user": len(names[form])}
    assert texts.characters == {"user": 5 * len(names[form])}


def test_a_release_without_rows_holds_nothing() -> None:
    tally = tallied(published([]))
    assert tally.texts().rows_by_messages == {"1": 0}
    assert (tally.tokens().by_role, tally.tokens().median) == ({}, 0)


def test_a_histogram_counts_up_to_and_including_each_limit() -> None:
    histogram = Histogram((1, 2, 4))
    for number in (0, 1, 2, 3, 4, 4):
        histogram.add(pa.array([number]).to_numpy())
    assert histogram.counts() == {"1": 2, "2": 1, "4": 3}
    histogram.add(pa.array([5, 100]).to_numpy())
    assert histogram.counts() == {"1": 2, "2": 1, "4": 3, "more": 2}
    assert histogram.most == 100
