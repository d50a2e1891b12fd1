"""Texts in OpenAI's Harmony format, in which gpt-oss reads and writes.

A message is `<|start|>`, a header, `<|message|>`, the text and an end. The header names who speaks,
`to=` whom, and the channel: `analysis` is reasoning, `commentary` has calls, `final` the answer.

Source: openai/harmony, docs/format.md.
"""

import re
from typing import Final

from chatlake_client.conversation import ToolCall, Turn
from chatlake_client.shapes.tree import joined_reasoning
from chatlake_client.shapes.vocabulary import role_of_word

START: Final = "<|start|>"
_MESSAGE: Final = re.compile(
    r"\s*<\|start\|>(?P<header>.*?)<\|message\|>(?P<text>.*?)"
    r"(?:<\|end\|>|<\|return\|>|<\|call\|>|(?=<\|start\|>)|\Z)",
    re.DOTALL,
)
_RECIPIENT: Final = re.compile(r"\bto=(\S+?)(?=<\||\s|\Z)")
_CHANNEL: Final = re.compile(r"<\|channel\|>\s*(\w+)")
FUNCTIONS: Final = "functions."


def turns_of_harmony(text: str) -> list[Turn]:
    """Return the turns of a text; none of one that isn't made of such messages alone."""
    if not text.lstrip().startswith(START) or _MESSAGE.sub("", text).strip():
        return []
    messages = [_turn(found["header"], found["text"]) for found in _MESSAGE.finditer(text)]
    return joined_reasoning(messages)


def _turn(header: str, text: str) -> Turn:
    recipient, channel = _RECIPIENT.search(header), _CHANNEL.search(header)
    author = re.split(r"<\||\s", header.strip(), maxsplit=1)[0]
    if author.startswith(FUNCTIONS):
        return Turn("tool", text, name=author.removeprefix(FUNCTIONS))
    role = role_of_word(author) or author
    if recipient and role == "assistant":
        name = recipient[1].removeprefix(FUNCTIONS)
        return Turn(role, tool_calls=[ToolCall(name, text)])
    if channel and channel[1] == "analysis":
        return Turn(role, reasoning=text)
    return Turn(role, text)
