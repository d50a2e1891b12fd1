"""Rows of data sets for the calling of tools."""

import json
from typing import Any

import pytest

from chatlake_client.errors import RowError
from tests.client.reading import conversation_of, found_of, texts

CHAT = (
    "USER: Is it raining in Bonn?\n\n\n"
    "ASSISTANT: <functioncall> "
    """{"name": "rain", "arguments": '{"city": "Bonn", "note": "It's late"}'} <|endoftext|>"""
    '\n\n\nFUNCTION RESPONSE: {"rain": true}\n\n\n'
    "ASSISTANT: Yes.\n\nTake a coat. <|endoftext|>\n\n\nUSER: Thanks\n\n\n"
    "ASSISTANT: <functioncall> broken <|endoftext|>\n"
)


def test_a_chat_of_glaive_is_one_text() -> None:
    conversation, losses = found_of({"system": "SYSTEM: You have tools. \n{}", "chat": CHAT})
    assert texts(conversation.turns) == [
        ("system", "You have tools. \n{}"),
        ("user", "Is it raining in Bonn?"),
        ("assistant", None),
        ("tool", '{"rain": true}'),
        ("assistant", "Yes.\n\nTake a coat."),
        ("user", "Thanks"),
        ("assistant", "<functioncall> broken"),
    ]
    (call,) = conversation.turns[2].tool_calls
    assert (call.name, call.arguments) == ("rain", '{"city": "Bonn", "note": "It\'s late"}')
    assert losses.count(tuple)[1] == []


@pytest.mark.parametrize("spell", [json.dumps, lambda value: value])
def test_the_answers_of_xlam_are_calls(spell: Any) -> None:
    calls = [{"name": "rain", "arguments": {"city": city}} for city in ("Bonn", "Rome")]
    tools = [{"name": "rain", "description": "Rain", "parameters": {"city": {"type": "str"}}}]
    row = {"id": 7, "query": "Rain?", "answers": spell(calls), "tools": spell(tools)}
    conversation, losses = found_of(row)
    assert texts(conversation.turns) == [("user", "Rain?"), ("assistant", None)]
    made = conversation.turns[1].tool_calls
    assert [(one.name, json.loads(one.arguments)["city"]) for one in made] == [
        ("rain", "Bonn"),
        ("rain", "Rome"),
    ]
    assert json.loads(conversation.tools or "") == tools
    assert losses.count(tuple)[1] == []


@pytest.mark.parametrize("answers", ["[]", "nothing", [{"arguments": {}}]])
def test_answers_of_xlam_that_call_nothing_are_refused(answers: Any) -> None:
    with pytest.raises(RowError, match="answers"):
        conversation_of({"query": "Rain?", "answers": answers, "tools": "[]"})
