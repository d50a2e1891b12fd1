"""What exporters write beside the ordinary: other versions, missing pointers, odd values."""

from typing import Any, Final

import pytest

from chatlake_client.errors import RowError
from tests.client.reading import conversation_of, found_of
from tests.client.telling import told, told_turn

Q: Final = {"role": "user", "content": "q"}
A: Final = {"role": "assistant", "content": "a"}
B: Final = {"role": "assistant", "content": "b"}
BETTER: Final = {**A, "alternatives": [[B]]}
PNG: Final = "iVBORw0KGgo="


def chatgpt_node(text: str, parent: str | None, role: str = "assistant", **more: Any) -> Any:
    content = {"content_type": "text", "parts": [text]}
    return {"parent": parent, "message": {"author": {"role": role}, "content": content, **more}}


def openwebui(content: str, **more: Any) -> Any:
    messages = {
        "1": {"role": "user", "content": "q", "childrenIds": ["2"]},
        "2": {"role": "assistant", "content": content, "parentId": "1", **more},
    }
    return {"chat": {"history": {"currentId": None, "messages": messages}}}


def librechat(*messages: Any, **more: Any) -> Any:
    return {"conversationId": "c", "endpoint": "x", "messages": list(messages), **more}


def librechat_message(number: str, parent: str, text: str, **more: Any) -> Any:
    is_user = text == "q"
    return {
        "messageId": number,
        "parentMessageId": parent,
        "isCreatedByUser": is_user,
        "text": text,
        **more,
    }


def answered(response: Any, **request: Any) -> Any:
    return {"request": {"model": "m", **request}, "response": response}


CORNERS: Final[dict[str, tuple[Any, list[dict[str, Any]]]]] = {
    "ChatGPT: a pointer to nowhere shows the newest": (
        {
            "mapping": {
                "1": chatgpt_node("q", None, "user"),
                "2": chatgpt_node("a", "1", create_time=20),
                "3": chatgpt_node("b", "1", create_time=10),
            },
            "current_node": "gone",
        },
        [
            Q,
            {
                **A,
                "created_at": "1970-01-01T00:00:20Z",
                "alternatives": [[{**B, "created_at": "1970-01-01T00:00:10Z"}]],
            },
        ],
    ),
    "ChatGPT: a pointer to an answer that shows nothing": (
        {
            "mapping": {
                "1": chatgpt_node("q", None, "user"),
                "2": chatgpt_node("a", "1"),
                "3": chatgpt_node("", "1"),
            },
            "current_node": "3",
        },
        [Q, A],
    ),
    "ChatGPT: parents in a circle": (
        {"mapping": {"1": chatgpt_node("q", "2", "user"), "2": chatgpt_node("a", "1")}},
        [Q, A],
    ),
    "ChatGPT: a message of no object, and unknown content": (
        {
            "mapping": {
                "0": None,
                "1": {"message": 3},
                "2": chatgpt_node("q", None, "user", content={"content_type": "new", "text": "q"}),
            }
        },
        [Q],
    ),
    "Claude: no parents, and a text beside empty content": (
        {
            "uuid": "c",
            "chat_messages": [
                {"sender": "human", "text": "q", "content": []},
                {"sender": "assistant", "text": "a", "content": [{"type": "text", "text": ""}]},
            ],
        },
        [Q, A],
    ),
    "Open WebUI: thoughts in a block of details": (
        openwebui(
            '<details type="reasoning">\n<summary>S</summary>\n&gt; t\n&gt; u\n</details>\na'
        ),
        [Q, {**A, "reasoning": "t\nu"}],
    ),
    "Open WebUI: a call in a block of details": (
        openwebui(
            'b\n<details type="tool_calls" id="1" name="f" arguments="&quot;{}&quot;" '
            'result="&quot;r&quot;">\n<summary>S</summary>\n</details>\na'
        ),
        [
            Q,
            {**B, "tool_calls": [{"id": "1", "name": "f", "arguments": {}}]},
            {"role": "tool", "content": "r", "tool_call_id": "1", "name": "f"},
            A,
        ],
    ),
    "Open WebUI: an error beside an empty answer": (openwebui("", error={"content": "boom"}), [Q]),
    "Open WebUI: an error in the place of an answer": (openwebui("boom", error=True), [Q]),
    "Claude: a block of an unknown type with a text": (
        {
            "chat_messages": [
                {"sender": "human", "text": "q", "content": [{"type": "voice_note", "text": "q"}]}
            ]
        },
        [Q],
    ),
    "LibreChat: an error is the last sibling": (
        librechat(
            librechat_message("1", "0", "q"),
            librechat_message("2", "1", "a"),
            librechat_message("3", "1", "boom", error=True),
        ),
        [Q, A],
    ),
    "LibreChat: siblings in a list": (
        librechat(
            librechat_message("1", "0", "q"),
            librechat_message("2", "1", "b"),
            librechat_message("3", "1", "a"),
        ),
        [Q, BETTER],
    ),
    "HuggingChat: children without ancestors": (
        {
            "messages": [
                {"id": "1", "from": "user", "content": "q", "children": ["2", "3"]},
                {"id": "2", "from": "assistant", "content": "b", "score": 0},
                {"id": "3", "from": "assistant", "content": "<think>t</think>\na"},
            ]
        },
        [Q, {**BETTER, "reasoning": "t"}],
    ),
    "llama.cpp: older words for attachments": (
        {
            "conv": {},
            "messages": [
                {
                    "id": "1",
                    "role": "user",
                    "content": "q",
                    "extra": [{"type": "pdfFile", "name": "p", "base64Data": PNG, "content": "t"}],
                }
            ],
        },
        [{**Q, "attachments": [{"kind": "file", "name": "p", "inline_bytes": 8, "text": "t"}]}],
    ),
    "LM Studio: a selection out of range, and a user's stop": (
        {
            "messages": [
                {
                    "currentlySelected": 7,
                    "versions": [
                        {
                            "type": "multiStep",
                            "role": "assistant",
                            "steps": [
                                {
                                    "type": "contentBlock",
                                    "content": [{"type": "text", "text": "a"}],
                                    "genInfo": {"stats": {"stopReason": "userStopped"}},
                                }
                            ],
                        }
                    ],
                }
            ]
        },
        [{**A, "stopped": True}],
    ),
    "text-generation-webui: an older version": (
        {"data": [["q", "a"]], "data_visible": [["q", "a"]]},
        [Q, A],
    ),
    "OpenAI: a function call of old": (
        {
            "messages": [
                Q,
                {"role": "assistant", "function_call": {"name": "f", "arguments": '{"x": 1}'}},
                {"role": "function", "name": "f", "content": "r"},
            ]
        },
        [
            Q,
            {"role": "assistant", "tool_calls": [{"name": "f", "arguments": {"x": 1}}]},
            {"role": "function", "name": "f", "content": "r"},
        ],
    ),
    "OpenAI: an answer that is null stays an empty turn": (
        {"messages": [Q, {"role": "assistant", "content": None}, Q]},
        [Q, {"role": "assistant"}, Q],
    ),
    "OpenAI: a refusal, a custom tool, and a tool's answer in parts": (
        {
            "messages": [
                {"role": "developer", "content": "s"},
                Q,
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "1", "type": "custom", "custom": {"name": "f", "input": "free"}}
                    ],
                },
                {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "r"}]},
                {"role": "assistant", "content": None, "refusal": "a"},
            ]
        },
        [
            {"role": "developer", "content": "s"},
            Q,
            {"role": "assistant", "tool_calls": [{"id": "1", "name": "f", "arguments": "free"}]},
            {"role": "tool", "content": "r", "tool_call_id": "1"},
            A,
        ],
    ),
    "messages: thoughts at the start of an answer, and none in a question": (
        {
            "conversations": [
                {"from": "human", "value": "<think>q</think>"},
                {"from": "gpt", "value": "<think>t</think>\n\na"},
            ]
        },
        [
            {"role": "human", "content": "<think>q</think>"},
            {"role": "gpt", "content": "a", "reasoning": "t"},
        ],
    ),
    "Ollama: images": (
        {"messages": [{**Q, "images": [PNG]}]},
        [{**Q, "attachments": [{"kind": "image", "inline_bytes": 8}]}],
    ),
    "Responses: a tool of the service, and the tools' answers in the input": (
        answered(
            {
                "output": [
                    {"type": "web_search_call", "id": "w", "action": {"query": "x"}},
                    {"type": "message", "content": [{"type": "output_text", "text": "a"}]},
                ]
            },
            input=[
                {"role": "user", "content": [{"type": "input_text", "text": "q"}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "r"},
            ],
            reasoning={"effort": "low"},
        ),
        [
            Q,
            {"role": "assistant", "tool_calls": [{"id": "c", "name": "f", "arguments": {}}]},
            {"role": "tool", "content": "r", "tool_call_id": "c"},
            {**A, "tool_calls": [{"id": "w", "name": "web_search", "arguments": {"query": "x"}}]},
        ],
    ),
    "Responses: thoughts without a summary, and tools that the service ran": (
        answered(
            {
                "output": [
                    {"type": "reasoning", "summary": []},
                    {"type": "mcp_call", "id": "m", "name": "f", "arguments": "{}", "output": "r"},
                    {"type": "image_generation_call", "id": "i", "result": PNG},
                    {"type": "message", "content": [{"type": "output_text", "text": "a"}]},
                ]
            },
            input=[{"type": "reasoning", "summary": []}, Q],
        ),
        [
            Q,
            {"role": "assistant", "tool_calls": [{"id": "m", "name": "f", "arguments": {}}]},
            {"role": "tool", "content": "r", "tool_call_id": "m", "name": "f"},
            {
                **A,
                "tool_calls": [{"id": "i", "name": "image_generation", "arguments": {}}],
                "attachments": [{"kind": "image", "inline_bytes": 8}],
            },
        ],
    ),
    "Anthropic: a search of the service, whose results are objects of its own": (
        answered(
            {
                "role": "assistant",
                "content": [
                    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                    {
                        "type": "web_search_tool_result",
                        "tool_use_id": "s",
                        "content": [{"type": "web_search_result", "title": "T"}],
                    },
                    {"type": "text", "text": "a"},
                ],
            },
            messages=[Q],
        ),
        [
            Q,
            {
                "role": "assistant",
                "tool_calls": [{"id": "s", "name": "web_search", "arguments": {}}],
            },
            {
                "role": "tool",
                "content": '[{"type": "web_search_result", "title": "T"}]',
                "tool_call_id": "s",
            },
            A,
        ],
    ),
    "Anthropic: thoughts that only their maker can read": (
        answered(
            {
                "role": "assistant",
                "content": [
                    {"type": "redacted_thinking", "data": "x"},
                    {"type": "text", "text": "a"},
                ],
            },
            messages=[Q],
            thinking={"type": "enabled"},
        ),
        [Q, A],
    ),
    "Gemini: names with underscores, and a thought": (
        {
            "contents": [
                {
                    "parts": [
                        {"inline_data": {"mime_type": "image/png", "data": PNG}},
                        {"text": "q"},
                    ]
                },
                {"role": "model", "parts": [{"text": "t", "thought": True}, {"text": "a"}]},
            ]
        },
        [
            {**Q, "attachments": [{"kind": "image", "mime_type": "image/png", "inline_bytes": 8}]},
            {**A, "reasoning": "t"},
        ],
    ),
    "Langfuse: texts of JSON": (
        {
            "type": "GENERATION",
            "traceId": "t",
            "input": '[{"role": "user", "content": "q"}]',
            "output": "a",
        },
        [Q, A],
    ),
    "Langfuse: an output without a role": (
        {"type": "GENERATION", "traceId": "t", "input": "q", "output": {"content": "a"}},
        [Q, A],
    ),
    "logs: a response that is a text": (answered("a", messages=[Q]), [Q, A]),
    "Open WebUI: a list of messages": ({"id": "c", "chat": {"messages": [Q, A]}}, [Q, A]),
    "LMArena: parts, and both were bad": (
        {
            "winner": "both_bad",
            "conversation_a": [
                {"role": "user", "content": [{"type": "text", "text": "q", "image": None}]},
                A,
            ],
            "conversation_b": [Q, B],
        },
        [Q, BETTER],
    ),
    "pairs: the prompt stands in both": (
        {"prompt": "q", "chosen": [Q, A], "rejected": [Q, B]},
        [Q, BETTER],
    ),
    "pairs: ShareGPT's": (
        {
            "conversations": [{"from": "user", "value": "q"}],
            "chosen": {"from": "assistant", "value": "a"},
            "rejected": {"from": "assistant", "value": "b"},
        },
        [Q, BETTER],
    ),
    "pairs: equal answers are no alternatives": (
        {"prompt": "q", "chosen": "a", "rejected": "a"},
        [Q, A],
    ),
    "KTO: a label as CSV has it": (
        {"prompt": "q", "completion": "a", "label": "False"},
        [Q, {**A, "rating": "negative"}],
    ),
    "Open Assistant: without ranks the reply that was answered": (
        {
            "message_tree_id": "t",
            "prompt": {
                "message_id": "t",
                "text": "q",
                "role": "prompter",
                "replies": [
                    {"message_id": "1", "role": "assistant", "text": "b"},
                    {
                        "message_id": "2",
                        "role": "assistant",
                        "text": "a",
                        "replies": [{"message_id": "3", "role": "prompter", "text": "q"}],
                    },
                ],
            },
        },
        [Q, BETTER, Q],
    ),
    "ShareGPT: a call that is no JSON": (
        {"conversations": [{"from": "function_call", "value": "f()"}]},
        [{"role": "function_call", "content": "f()"}],
    ),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_a_corner_is_read_as_its_exporter_means_it(corner: str) -> None:
    row, turns = CORNERS[corner]
    conversation, losses = found_of(row)
    assert told(conversation)["turns"] == turns
    said = {turn.content for turn in conversation.turns if turn.content}
    assert losses.count(lambda: said)[1] == []


@pytest.mark.parametrize(
    "row",
    [
        {"mapping": {}},
        {"mapping": {"1": {"message": None, "parent": None, "children": []}}},
        {"chat_messages": []},
        openwebui("")["chat"] | {"history": {"messages": {}}},
        {"messages": [], "_id": "x", "preprompt": ""},
        {"conv": {}, "messages": [{"id": "r", "type": "root", "role": "system", "content": ""}]},
        {"messages": [], "lastUsedModel": {}},
        {"internal": [["", ""]], "visible": [["", ""]]},
        {"chunkedPrompt": {"chunks": []}},
        {"contents": []},
        {"custom_id": "x", "response": None},
        {"custom_id": "x", "response": {"status_code": 500, "body": {}}},
        {"custom_id": "x", "url": "/v1/embeddings", "body": {"input": "q"}},
        {"message_tree_id": "t", "prompt": {"text": "x", "role": "prompter", "deleted": True}},
        {"preferred_output": [], "input": {"messages": [Q]}},
        {"chosen": "no speaker", "rejected": "\n\nHuman: a\n\nAssistant: b"},
        {"chosen": [Q, A], "rejected": [Q, A, Q]},
        {"instruction": "x"},
        {"id": "1", "data": []},
        {"conversation_hash": "h", "model": "m", "conversation": []},
    ],
)
def test_what_cannot_become_a_conversation_is_rejected(row: Any) -> None:
    with pytest.raises(RowError):
        conversation_of(row)


def test_a_response_of_an_unknown_form_is_not_lost_in_silence() -> None:
    _, losses = found_of(answered({"words": "a"}, messages=[Q]))
    assert losses.count(tuple)[1] == ["response of an unknown form"]


def test_turns_of_lists_keep_their_empty_content() -> None:
    turns = conversation_of({"messages": [Q, {"role": "assistant", "content": ""}]}).turns
    assert [told_turn(turn) for turn in turns] == [Q, {"role": "assistant"}]
