import json
from collections import Counter
from typing import cast

import pytest

from chatlake_client.contract import Defaults, Terms, submissions_of
from chatlake_client.conversation import Attachment, Conversation, Preference, Turn
from chatlake_client.errors import LossyRowError, RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Losses
from chatlake_client.shapes.recognition import is_row
from tests.client.reading import body_of, found_of

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


FULL_TURN: Json = {
    "content": "",
    "role": "assistant",
    "reasoning": "Let me look.",
    "tool_calls": [{"id": "c1", "name": "look", "arguments": '{"at": "sky"}'}],
    "name": "Ada",
    "model": "m",
    "created_at": "2026-11-29T08:30:00Z",
    "attachments": [
        {
            "kind": "image",
            "media_type": "image/png",
            "name": "a.png",
            "bytes": 68,
            "sha256": "a" * 64,
            "text": "A sky.",
        }
    ],
}
FULL_ROW: Json = {
    "agent_id": "m",
    "conversation": [
        {**FULL_TURN, "alternatives": [[FULL_TURN, {"content": "No.", "role": "user"}]]},
        {"content": "blue", "role": "tool", "tool_call_id": "c1"},
    ],
    "created_at": "2026-11-29T08:30:00Z",
    "title": "Sky",
    "client": {"name": "my-chat-app", "version": "2.1.0"},
    "licence": "CC-BY-4.0",
    "tools": '[{"name": "look"}]',
    "labels": {"language": "en"},
}


def test_chatlakes_own_row_keeps_what_conversations_of_today_have() -> None:
    assert body_of(FULL_ROW, NO_DEFAULTS) == FULL_ROW


def test_alternatives_of_alternatives_become_further_ones_and_the_best_come_first() -> None:
    forked = Turn("assistant", "c", alternatives=[[Turn("assistant", "d")]])
    answer = Turn("assistant", "best", rank=0)
    answer.alternatives = [
        [Turn("assistant", "unranked")],
        [Turn("assistant", "third", rank=2), forked],
        [Turn("assistant", "second", rank=1)],
    ]
    asked = Turn("user", "q")
    conversation = Conversation([asked, answer], preference=Preference("ranking"))
    ((body, contents),) = submissions_of(conversation, Losses(), Terms())
    (_, sent) = cast("list[Json]", body["conversation"])
    others = cast("list[list[Json]]", sent["alternatives"])
    assert [[turn["content"] for turn in other] for other in others] == [
        ["second"],
        ["third", "c"],
        ["third", "d"],
        ["unranked"],
    ]
    assert all("alternatives" not in turn for other in others for turn in other)
    assert contents.alternatives == 4
    assert body["labels"] == {"preference": "ranking", "preferred": "main"}


def test_labels_beyond_those_that_the_service_takes_are_counted() -> None:
    row = {**ROW, **{f"column_{number:02}": number for number in range(40)}}
    ((body, contents),) = submissions_of(*found_of(row), Terms())
    labels = cast("dict[str, str]", body["labels"])
    assert len(labels) == 32
    assert contents.not_taken == Counter({f"column_{number}": 1 for number in range(32, 40)})


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("https://files.example/a/cat.png?signature=s#x", "https://files.example/a/cat.png"),
        ("file-service://file-1", "file-1"),
        ("/images/user-1/cat.png", "cat.png"),
        ("file-1", "file-1"),
        ("https://files.example/" + "a" * 512, None),
        ("a\nb", None),
    ],
)
def test_a_file_without_a_name_has_that_of_its_reference(ref: str, name: str | None) -> None:
    turn = Turn("user", "Look.", attachments=[Attachment("image", ref=ref)])
    ((body, contents),) = submissions_of(Conversation([turn]), Losses(), Terms())
    (sent,) = cast("list[Json]", body["conversation"])
    assert sent["attachments"] == [{"kind": "image", **({"name": name} if name else {})}]
    assert contents.not_taken["turns[].attachments[].ref"] == (ref != name)


def test_unknown_keys_are_left_out() -> None:
    row = {"conversation": [{"content": "Hi", "id": 1}], "id": 7, "user_name": "Ola"}
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
