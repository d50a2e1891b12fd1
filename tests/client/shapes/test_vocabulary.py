"""Messages in the words of other applications and libraries."""

from typing import Any

import pytest

from chatlake_client.contract import Defaults
from chatlake_client.errors import RowError
from tests.client.reading import body_of, conversation_of, texts

TALK = [("user", "Is it raining?"), ("assistant", "Not yet.")]


def in_words(speaker: str, words: tuple[str, str], said: str) -> list[dict[str, str]]:
    """The talk with other keys and other words for its speakers."""
    return [{speaker: word, said: text} for word, (_, text) in zip(words, TALK, strict=True)]


@pytest.mark.parametrize(
    "messages",
    [
        in_words("sender", ("user", "bot"), "text"),
        in_words("author", ("human", "ai"), "content"),
        in_words("speaker", ("User", "Assistant"), "text"),
        in_words("type", ("human", "ai"), "content"),
        in_words("role", ("user", "assistant"), "text"),
        in_words("role", ("user", "assistant"), "message"),
        [{"role": role, "parts": [{"text": text}]} for role, text in TALK],
        [{"role": role, "content": [{"text": text}]} for role, text in TALK],
        [{"role": role, "parts": [{"type": "text", "text": text}]} for role, text in TALK],
        [
            {"role": role, "content": "", "contentParts": [{"type": "text", "text": text}]}
            for role, text in TALK
        ],
        [
            {"role": role, "fragments": [{"ft": "content", "part": {"pt": "text", "text": text}}]}
            for role, text in TALK
        ],
        [{"message": {"role": role, "content": text}, "contextItems": []} for role, text in TALK],
        [
            {"type": word, "data": {"content": text}}
            for word, (_, text) in zip(("human", "ai"), TALK, strict=True)
        ],
        [
            {"lc": 1, "id": ["langchain", name], "kwargs": {"content": text}}
            for name, (_, text) in zip(("HumanMessage", "AIMessage"), TALK, strict=True)
        ],
        [{"input": TALK[0][1], "output": TALK[1][1]}],
        {"role": ["user", "assistant"], "content": [text for _, text in TALK]},
    ],
)
def test_messages_say_the_same_in_other_words(messages: Any) -> None:
    conversation = conversation_of({"conversation": messages})
    assert texts(conversation.turns) == TALK
    body_of({"conversation": messages}, Defaults())


def test_a_word_that_is_no_known_speaker_is_not_guessed() -> None:
    with pytest.raises(
        RowError, match=r"messages\[\] doesn't tell who speaks; its keys: sender, text"
    ):
        conversation_of({"messages": in_words("sender", ("Ann", "Rex"), "text")})


@pytest.mark.parametrize("key", ["createdAt", "created", "create_time"])
@pytest.mark.parametrize("time", [1715000000, 1715000000000, "2024-05-06T12:53:20Z"])
def test_a_time_has_other_names(key: str, time: object) -> None:
    message = {"role": "user", "content": "x", key: time}
    (turn,) = conversation_of({"messages": [message]}).turns
    assert turn.created_at == "2024-05-06T12:53:20Z"


@pytest.mark.parametrize(
    "stated",
    [
        {"modelName": "lark"},
        {"model": {"id": "lark", "name": "Lark"}},
        {"generator": {"mgt": "named", "name": "lark"}},
        {"response_metadata": {"model_name": "lark"}},
    ],
)
def test_a_model_has_other_names(stated: dict[str, Any]) -> None:
    message = {"role": "assistant", "content": "x", **stated}
    (turn,) = conversation_of({"messages": [message]}).turns
    assert turn.model == "lark"


@pytest.mark.parametrize(
    "parts",
    [
        [
            {"type": "tool-call", "toolCallId": "1", "toolName": "clock", "args": {"zone": "UTC"}},
            {"type": "tool-result", "toolCallId": "1", "toolName": "clock", "result": "9:30"},
        ],
        [
            {
                "type": "tool-clock",
                "toolCallId": "1",
                "state": "output-available",
                "input": {"zone": "UTC"},
                "output": "9:30",
            }
        ],
        [
            {
                "type": "tool-invocation",
                "toolInvocation": {
                    "toolCallId": "1",
                    "toolName": "clock",
                    "state": "result",
                    "args": {"zone": "UTC"},
                    "result": "9:30",
                },
            }
        ],
        [
            {"toolUse": {"toolUseId": "1", "name": "clock", "input": {"zone": "UTC"}}},
            {"toolResult": {"toolUseId": "1", "name": "clock", "content": [{"text": "9:30"}]}},
        ],
    ],
)
def test_calls_and_answers_of_tools_are_parts(parts: list[dict[str, Any]]) -> None:
    row = {
        "messages": [{"role": "assistant", "content": [*parts, {"type": "text", "text": "Now"}]}]
    }
    called, answered, said = conversation_of(row).turns
    (call,) = called.tool_calls
    assert (call.name, call.arguments, call.id) == ("clock", '{"zone": "UTC"}', "1")
    assert (answered.role, answered.content, answered.tool_call_id) == ("tool", "9:30", "1")
    assert said.content == "Now"
    body_of(row, Defaults())


@pytest.mark.parametrize(
    "call",
    [
        {"name": "clock", "args": {"zone": "UTC"}, "id": "1", "result": "9:30"},
        {"toolName": "clock", "args": {"zone": "UTC"}, "toolCallId": "1", "output": "9:30"},
    ],
)
def test_the_answer_of_a_tool_beside_its_call_is_a_turn(call: dict[str, Any]) -> None:
    row = {"messages": [{"role": "assistant", "content": "Half past.", "toolCalls": [call]}]}
    called, answered, said = conversation_of(row).turns
    assert called.tool_calls[0].arguments == '{"zone": "UTC"}'
    assert called.content is None
    assert (answered.role, answered.content, answered.name) == ("tool", "9:30", "clock")
    assert said.content == "Half past."


@pytest.mark.parametrize("key", ["attachments", "files", "experimental_attachments"])
def test_files_with_a_name_are_described(key: str) -> None:
    file = {"fileName": "map.pdf", "mimeType": "application/pdf", "size": 7, "id": "f1"}
    message = {"role": "user", "content": "See", key: [file]}
    (turn,) = conversation_of({"messages": [message]}).turns
    (attachment,) = turn.attachments
    assert (attachment.kind, attachment.name) == ("file", "map.pdf")
    assert (attachment.media_type, attachment.bytes) == ("application/pdf", 7)


def test_images_beside_the_turns_belong_to_the_marks_in_their_texts() -> None:
    messages = [
        {"from": "human", "value": "<image>\nA cat?"},
        {"from": "gpt", "value": "Yes."},
        {"from": "human", "value": "And <image>?"},
    ]
    row = {"conversations": messages, "images": ["a.png", "b.png"]}
    turns = conversation_of(row).turns
    assert [[file.ref for file in turn.attachments] for turn in turns] == [["a.png"], [], ["b.png"]]
    with pytest.raises(RowError, match="images"):
        body_of({**row, "images": ["a.png"]}, Defaults())
