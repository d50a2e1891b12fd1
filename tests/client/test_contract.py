import json

import pytest

from chatlake_client.contract import Defaults
from chatlake_client.errors import LossyRowError, RowError
from chatlake_client.records import Json
from chatlake_client.shapes.registry import is_row
from tests.client.reading import body_of

NO_DEFAULTS = Defaults()


ROW: Json = {"messages": [{"content": "Hi"}]}


def conversation_of(row: Json) -> object:
    """The turns of a row as they are sent."""
    return body_of(row, NO_DEFAULTS)["conversation"]


def test_chatlakes_own_row_keeps_every_field_that_the_service_stores() -> None:
    turn = {
        "content": "Hi",
        "role": "user",
        "rating": "negative",
        "stopped": True,
        "edited_content": "Hello",
    }
    row = {
        "agent_id": "gpt4all",
        "conversation": [turn],
        "source": "s",
        "submitter_id": "me",
        "ingest_id": "i",
        "prompt_template": "%1",
        "chat_template": "{{ m }}",
        "network/attribution": "Ada",
    }
    assert body_of(row, NO_DEFAULTS) == row


def test_unknown_keys_are_left_out() -> None:
    row = {"conversation": [{"content": "Hi", "id": 1}], "license": "MIT"}
    assert body_of(row, NO_DEFAULTS) == {"agent_id": "unknown", "conversation": [{"content": "Hi"}]}


def test_openai_messages_become_turns() -> None:
    row: Json = {
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": ""}]
    }
    assert conversation_of(row) == [
        {"content": "Be kind.", "role": "system"},
        {"content": "", "role": "user"},
    ]


def test_the_texts_of_openai_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a\n"}, {"type": "text", "text": "b"}]
    assert conversation_of({"messages": [{"role": "user", "content": parts}]}) == [
        {"content": "a\nb", "role": "user"}
    ]


def test_a_part_of_an_unknown_type_would_be_lost() -> None:
    row: Json = {"messages": [{"role": "user", "content": [{"type": "hologram", "data": "x"}]}]}
    with pytest.raises(LossyRowError, match=r"would lose .*part of the type hologram"):
        conversation_of(row)


@pytest.mark.parametrize("part", [{"type": "text"}, {"data": "x"}, "text", None])
def test_a_part_that_is_neither_a_text_nor_a_file_rejects_the_row(part: object) -> None:
    with pytest.raises(RowError, match="holds a part that is not a text"):
        conversation_of({"messages": [{"role": "user", "content": [part]}]})


def test_sharegpt_roles_stay_as_they_are() -> None:
    row: Json = {
        "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]
    }
    assert conversation_of(row) == [
        {"content": "Hi", "role": "human"},
        {"content": "Ho", "role": "gpt"},
    ]


@pytest.mark.parametrize("answer_key", ["output", "response"])
@pytest.mark.parametrize(
    ("given", "asked"), [({}, "Add"), ({"input": ""}, "Add"), ({"input": "1 2"}, "Add\n\n1 2")]
)
def test_alpaca_rows_become_two_turns(
    answer_key: str, given: dict[str, object], asked: str
) -> None:
    row = {"instruction": "Add", **given, answer_key: "3"}
    assert conversation_of(row) == [
        {"content": asked, "role": "user"},
        {"content": "3", "role": "assistant"},
    ]


def test_an_alpaca_input_that_is_not_a_text_rejects_the_row() -> None:
    with pytest.raises(RowError, match="must be texts"):
        conversation_of({"instruction": "Add", "input": [1, 2], "output": "3"})


@pytest.mark.parametrize("key", ["conversation", "messages", "conversations"])
def test_a_conversation_may_be_a_json_text(key: str) -> None:
    turns = [{"content": "Hi", "role": "user"}]
    assert conversation_of({key: json.dumps(turns)}) == turns


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Hi", "a row must be an object, not a text"),
        (None, "a row must be an object, not null"),
        ({"messages": "[{"}, "messages is a text but not JSON"),
        ({"messages": "{}"}, "messages must be a list, not an object"),
        ({"messages": 3}, "messages must be a list, not a number"),
        ({"messages": [["Hi"]]}, r"messages\[0\] must be an object, not a list"),
        ({"messages": [{"content": 3}]}, r"messages\[\]\.content must be a text, not a number"),
        ({"messages": [{"role": 3}]}, r"messages\[\]\.role must be a text, not a number"),
        ({"messages": []}, "no turn"),
        ([], "no turn"),
        ({}, "unknown format with keys: none"),
        ({"instruction": "Add"}, "no answer: neither output nor response"),
    ],
)
def test_a_row_that_is_no_conversation_is_rejected_with_the_reason(
    row: object, message: str
) -> None:
    with pytest.raises(RowError, match=message):
        body_of(row, NO_DEFAULTS)


@pytest.mark.parametrize("turns", [[""], ["", ""]])
def test_a_conversation_without_any_text_is_rejected(turns: list[str]) -> None:
    row = {"messages": [{"role": "system", "content": content} for content in turns]}
    with pytest.raises(RowError, match="none of its turns has a text"):
        body_of(row, NO_DEFAULTS)


def test_an_empty_answer_is_kept_beside_other_texts() -> None:
    turns = [{"content": "My number?", "role": "user"}, {"content": "", "role": "assistant"}]
    assert body_of({"messages": turns}, NO_DEFAULTS)["conversation"] == turns
    edited = [{"content": "", "edited_content": "Hi"}]
    assert body_of({"conversation": edited}, NO_DEFAULTS)["conversation"] == edited


def test_an_unknown_row_is_rejected_with_its_keys_and_the_known_formats() -> None:
    with pytest.raises(RowError) as caught:
        body_of({"prompt": "Hi", "answers": "Ho"}, NO_DEFAULTS)
    assert "answers, prompt" in str(caught.value)
    for format_name in ("ChatGPT", "messages", "instruction", "UltraChat"):
        assert format_name in str(caught.value)


def test_only_some_of_very_many_keys_are_named() -> None:
    with pytest.raises(RowError) as caught:
        body_of({f"k{number:05}": 1 for number in range(10_000)}, NO_DEFAULTS)
    assert "k00019, …" in str(caught.value)
    assert "k00020" not in str(caught.value)


def test_defaults_fill_fields_that_the_row_lacks() -> None:
    defaults = Defaults(agent_id="a", source="s", submitter_id="m", attribution="Ada")
    filled = {
        "agent_id": "a",
        "source": "s",
        "submitter_id": "m",
        "network/attribution": "Ada",
        "conversation": [{"content": "Hi"}],
    }
    assert body_of(ROW, defaults) == filled
    empty = {"agent_id": "", "source": None, "submitter_id": "", "attribution": ""}
    assert body_of({**ROW, **empty}, defaults) == filled


def test_fields_of_the_row_take_precedence_over_defaults() -> None:
    defaults = Defaults(agent_id="a", source="s", submitter_id="m", attribution="Ada")
    stated = {"agent_id": "b", "source": "t", "submitter_id": "n", "attribution": "Bob"}
    assert body_of({**ROW, **stated}, defaults) == {
        "agent_id": "b",
        "source": "t",
        "submitter_id": "n",
        "network/attribution": "Bob",
        "conversation": [{"content": "Hi"}],
    }


def test_nulls_count_as_absent() -> None:
    turn = {"content": "Hi", "role": None, "rating": None, "stopped": None}
    row = {"conversation": None, "messages": [turn], "source": None}
    assert body_of(row, NO_DEFAULTS) == {"agent_id": "unknown", "conversation": [{"content": "Hi"}]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"messages": []}, True),
        ({"conversations": [{"from": "human", "value": "Hi"}]}, True),
        ({"conversation": "[]"}, True),
        ({"instruction": "Add"}, True),
        ({"conversations": [{"messages": []}]}, False),
        ({"rows": []}, False),
    ],
)
def test_a_row_is_distinguished_from_an_object_that_holds_rows(
    value: dict[str, object], expected: bool
) -> None:
    assert is_row(value) is expected
