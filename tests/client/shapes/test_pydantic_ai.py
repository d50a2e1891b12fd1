"""Messages of Pydantic AI."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatlake_client.errors import RowError
from tests.client.reading import conversation_of, found_of, read_all, texts

TIME = "2025-03-04T09:10:11.500000Z"


def part(kind: str, **more: Any) -> dict[str, Any]:
    return {"part_kind": kind, **more}


def request(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "request", "parts": list(parts), "instructions": None, **more}


def response(*parts: Any) -> dict[str, Any]:
    return {"kind": "response", "parts": list(parts), "model_name": "m", "timestamp": TIME}


MESSAGES = [
    request(
        part("system-prompt", content="Be brief", dynamic_ref=None, timestamp=TIME),
        part("user-prompt", content="Rain?", timestamp=TIME),
    ),
    response(
        part("thinking", content="Ask the tool.", signature="s"),
        part("tool-call", tool_name="rain", args={"city": "Bonn"}, tool_call_id="1"),
    ),
    request(part("tool-return", tool_name="rain", content={"rain": True}, tool_call_id="1")),
    response(part("text", content="Yes.")),
]
TOLD = [
    ("system", "Be brief"),
    ("user", "Rain?"),
    ("assistant", None),
    ("tool", '{"rain": true}'),
    ("assistant", "Yes."),
]


def test_a_file_of_messages_is_one_conversation(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text(json.dumps(MESSAGES))
    (found,), rejected, _ = read_all(path)
    assert rejected == []
    assert texts(found.turns) == TOLD
    called, answered = found.turns[2:4]
    (call,) = called.tool_calls
    assert (call.name, json.loads(call.arguments), call.id) == ("rain", {"city": "Bonn"}, "1")
    assert (called.reasoning, called.model) == ("Ask the tool.", "m")
    assert called.created_at == "2025-03-04T09:10:11.5Z"
    assert (answered.tool_call_id, answered.name) == ("1", "rain")


def test_messages_may_stand_in_a_row() -> None:
    assert texts(conversation_of({"messages": MESSAGES}).turns) == TOLD


def test_instructions_are_the_system_prompt_once() -> None:
    asked = [request(part("user-prompt", content=text), instructions="Be brief") for text in "ab"]
    answered = response(part("text", content="c"))
    conversation, losses = found_of([asked[0], answered, asked[1]])
    assert texts(conversation.turns) == [
        ("system", "Be brief"),
        ("user", "a"),
        ("assistant", "c"),
        ("user", "b"),
    ]
    assert losses.count(lambda: {"Be brief"})[1] == []


def test_a_question_may_have_files() -> None:
    content = ["What is it?", {"kind": "image-url", "url": "https://example.org/a.png"}]
    (turn,) = conversation_of([request(part("user-prompt", content=content))]).turns
    assert turn.content == "What is it?"
    assert [(one.kind, one.ref) for one in turn.attachments] == [
        ("image", "https://example.org/a.png")
    ]


@pytest.mark.parametrize(
    "message",
    [
        request(part("gesture", content="x")),
        response(part("gesture", content="x")),
        request(part("user-prompt", content=[{"kind": "binary", "data": "eA=="}])),
    ],
)
def test_an_unknown_part_is_refused(message: Any) -> None:
    with pytest.raises(RowError, match=r"unknown kind gesture|but binary"):
        conversation_of([message])


@pytest.mark.parametrize("kind", [[], {}, ["request"], 3, "x"])
def test_a_message_of_another_kind_is_none(kind: Any) -> None:
    with pytest.raises(RowError, match="doesn't tell who speaks"):
        conversation_of({"messages": [{**MESSAGES[0], "kind": kind}]})
