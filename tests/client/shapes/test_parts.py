import json

import pytest

from chatlake_client.shapes.parts import joined
from tests.client.reading import conversation_of


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("a", "b", "a-b"),
        ("", "b", "b"),
        ("a", "", "a"),
        (None, "b", "b"),
        ("a", None, "a"),
        (None, "", ""),
        ("", None, ""),
        (None, None, None),
    ],
)
def test_only_texts_that_say_something_are_joined(
    before: str | None, text: str | None, expected: str | None
) -> None:
    assert joined(before, text, "-") == expected


def test_arguments_may_be_an_object_or_its_text() -> None:
    for arguments in ({"city": "Bonn"}, '{"city": "Bonn"}'):
        message = {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "get_weather", "arguments": arguments}}],
        }
        (turn,) = conversation_of({"messages": [message]}).turns
        assert json.loads(turn.tool_calls[0].arguments) == {"city": "Bonn"}
