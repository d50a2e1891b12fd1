"""MOSS's data set: turns under numbered keys, each with marks around what is said.

Source: OpenLMLab/MOSS, SFT_data: `chat` with `turn_1`, and there `Human`, `MOSS` and, between them,
what the model thought, which tools it called and what they answered.
"""

import re
from typing import Final

from chatlake_client.conversation import Conversation, ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.rows import conversation_of

SYSTEM_KEYS: Final = ("meta_instruction", "prefix")
_TURN: Final = re.compile(r"turn_(\d{1,9})")
_MARKS: Final = re.compile(r"\s*(?:<\|[^|>]+\|>:)?(.*?)(?:<eo[a-z]>)?\s*", re.DOTALL)
"""The mark of a speaker before what is said, and that of its end."""
_CALL: Final = re.compile(r"([\w-]+)\((.*?)\)(?=\s*,\s*[\w-]+\(|\s*\Z)", re.DOTALL)
"""A call: the name of a tool, and what it is called with."""
NOTHING: Final = "None"
"""What stands for no thought, no call or no answer of a tool."""


def is_moss(row: Json) -> bool:
    """Tell whether a row holds a chat under numbered keys."""
    chat = row.get("chat")
    return (
        isinstance(chat, dict)
        and bool(chat)
        and all(map(_TURN.fullmatch, chat))
        and all(isinstance(said, dict) for said in chat.values())
    )


def read_moss(row: Fields) -> Conversation:
    """Return the turns by their numbers.

    Raises:
        RowError: A turn lacks the question or the answer, or calls no tool where it should.
    """
    turns: list[Turn] = []
    if system := row.label(*SYSTEM_KEYS):
        turns.append(Turn("system", system))
    for _, said in sorted(row.members("chat").items(), key=_number):
        turns += _turns(said)
    row.take("num_turns")
    return conversation_of(row, turns)


def _number(member: tuple[str, Fields]) -> int:
    return int(member[0].removeprefix("turn_"))


def _turns(said: Fields) -> list[Turn]:
    asked, answered = _said(said, "Human"), _said(said, "MOSS", "Assistant")
    if asked is None or answered is None:
        raise RowError(f"{said.path} must have the texts Human and MOSS")
    turns = [Turn("user", asked)]
    thought, called = _said(said, "Inner Thoughts"), _said(said, "Commands")
    result = _said(said, "Tool Responses")
    answer = Turn("assistant", answered)
    if called:
        calling = Turn("assistant", reasoning=thought)
        calling.tool_calls = [ToolCall(*call) for call in _CALL.findall(called)]
        if not calling.tool_calls:
            raise RowError(f"{said.path}.Commands calls no tool: {called[:80]!r}")
        turns += [calling, *([Turn("tool", result)] if result else [])]
    else:
        answer.reasoning = thought
        if result:
            said.lose("Tool Responses")
    return [*turns, answer]


def _said(said: Fields, *keys: str) -> str | None:
    """Take what is said under a key, without its marks; None where there is nothing."""
    text = said.text(*keys)
    if text is None:
        return None
    found = _MARKS.fullmatch(text)
    inner = found[1].strip() if found else text
    return None if inner == NOTHING else inner
