import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.releases.rows.conversations import published_schema, to_published
from app.releases.rows.optional_fields import arrow_schema, optional_paths, without_empty
from catalog.stages.tables import COMPUTED_STAGES, ComputedStage
from tests.app.releases.factories import WEATHER_TOOL, make_row, make_tool_row
from tests.batches import cut


def published(stage: ComputedStage, *rows: dict[str, object]) -> pa.Table:
    """Return rows of a stage as a release has them, converted from slices of one batch."""
    tables = COMPUTED_STAGES[stage]
    schema = arrow_schema(published_schema(stage, tables.schema))
    batch = pa.RecordBatch.from_pylist(list(rows), tables.arrow_schema)
    return pa.Table.from_batches([to_published(part, schema) for part in cut(batch, 1)], schema)


@pytest.mark.parametrize("stage", ["cleaned", "curated"])
def test_the_rows_of_a_computed_stage_do_not_say_who_contributed(stage: ComputedStage) -> None:
    names = {field.name for field in published_schema(stage, COMPUTED_STAGES[stage].schema).fields}
    assert not names & {
        "contributor_id",
        "attribution",
        "conversation_id",
        "conversation",
        "bands",
        "prompt",
    }
    assert {"title", "tools", "labels", "licence"} <= names


def test_ids_of_a_published_schema_are_used_once() -> None:
    schema = published_schema("curated", COMPUTED_STAGES["curated"].schema)
    ids = [int(part) for part in map(str, schema.field_ids)]
    assert len(ids) == len(set(ids))


def test_messages_have_the_form_of_chat_templates() -> None:
    rows = published("curated", make_row(1), make_tool_row(2), make_row(3)).to_pylist()
    plain, called, _ = rows
    assert plain["messages"][0] == {
        "role": "user",
        "content": "Hi",
        "reasoning_content": None,
        "tool_calls": None,
        "tool_call_id": None,
        "name": None,
    }
    question, call, result, answer = called["messages"]
    assert call["reasoning_content"] == "I look it up."
    assert call["tool_calls"] == [
        {
            "id": "call-2",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "Bonn"}'},
        }
    ]
    assert (result["role"], result["tool_call_id"], result["name"]) == ("tool", "call-2", "weather")
    assert (question["tool_calls"], answer["content"]) == (None, "It is sunny 2")
    assert called["tools"] == WEATHER_TOOL
    assert called["labels"] == [{"key": "topic", "value": "weather"}]


def test_feedback_says_what_else_is_known_of_each_message() -> None:
    (row,) = published("cleaned", make_tool_row(2)).to_pylist()
    question, call, _, answer = row["feedback"]
    assert question["attachments"][0]["text"] == "a cloud"
    assert question["created_at"] == row["created_at"]
    assert call["model"] == "model-1"
    ((other,),) = answer["alternatives"]
    assert (other["role"], other["content"]) == ("assistant", "It is raining 2")
    assert (other["rating"], other["model"], other["tool_calls"]) == ("negative", "model-2", None)


def test_a_call_without_arguments_has_an_empty_object() -> None:
    row = make_tool_row(1)
    row["conversation"][1]["tool_calls"] = [{"id": None, "name": "now", "arguments": None}]
    (found,) = published("curated", row).to_pylist()
    (call,) = found["messages"][1]["tool_calls"]
    assert call == {"id": None, "type": "function", "function": {"name": "now", "arguments": "{}"}}


def test_a_call_whose_name_showed_nothing_can_be_written() -> None:
    row = make_tool_row(1)
    row["conversation"][1]["tool_calls"] = [{"id": "1", "name": None, "arguments": None}]
    rows = published("curated", row)
    pq.write_table(rows, pa.BufferOutputStream())
    (call,) = rows.to_pylist()[0]["messages"][1]["tool_calls"]
    assert call["function"]["name"] == ""


@pytest.mark.parametrize("missing", ["id", "name", "arguments"])
def test_calls_have_their_form_where_none_of_a_release_has_an_id_a_name_or_arguments(
    missing: str,
) -> None:
    tables = COMPUTED_STAGES["cleaned"]
    row = make_tool_row(2)
    row["conversation"][1]["tool_calls"][0][missing] = None
    filled = optional_paths(tables.schema) - {("conversation", "tool_calls", missing)}
    schema = published_schema("cleaned", without_empty(tables.schema, filled))
    batch = pa.RecordBatch.from_pylist([row], tables.arrow_schema)
    (made,) = to_published(batch, arrow_schema(schema)).to_pylist()
    (call,) = made["messages"][1]["tool_calls"]
    assert call.keys() == {"id", "type", "function"} - {missing}
    assert call["function"].keys() == {"name", "arguments"}
