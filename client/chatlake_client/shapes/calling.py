"""Rows of data sets for the calling of tools.

- `system` and `chat`, a text with marks of the speakers: the card of
  glaiveai/glaive-function-calling-v2
- `query`, `answers` and `tools`, with the calls as JSON: the card of
  Salesforce/xlam-function-calling-60k
"""

import re
from typing import Final

from chatlake_client import jsontext
from chatlake_client.conversation import Conversation, ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.calls import call_of
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.rows import conversation_of

ROLES: Final = {"USER": "user", "ASSISTANT": "assistant", "FUNCTION RESPONSE": "tool"}
SYSTEM_MARK: Final = "SYSTEM:"
END_MARK: Final = "<|endoftext|>"
CALL_MARK: Final = "<functioncall>"
_SPEAKER: Final = re.compile(r"(?:\A\s*|\n\n+)(USER|ASSISTANT|FUNCTION RESPONSE):")
_QUOTED_CALL: Final = re.compile(r"""\{"name": "([^"]+)", "arguments": '(.*)'\}""", re.DOTALL)


def is_glaive(row: Json) -> bool:
    """Tell whether a row holds a chat in one text, which begins with the mark of a speaker."""
    chat = row.get("chat")
    return isinstance(chat, str) and _SPEAKER.match(chat) is not None


def read_glaive(row: Fields) -> Conversation:
    """Return the turns of the chat behind the system prompt."""
    system = (row.text("system") or "").strip().removeprefix(SYSTEM_MARK).strip()
    turns = [Turn("system", system)] if system else []
    _, *pieces = _SPEAKER.split(row.text("chat") or "")
    for speaker, said in zip(pieces[::2], pieces[1::2], strict=True):
        text = said.strip().removesuffix(END_MARK).strip()
        call = _quoted_call(text) if speaker == "ASSISTANT" else None
        turns.append(Turn("assistant", tool_calls=[call]) if call else Turn(ROLES[speaker], text))
    return conversation_of(row, turns)


def _quoted_call(text: str) -> ToolCall | None:
    """Return the call that a text is; None where it says something else, too, or isn't whole.

    The arguments are JSON in single quotes.
    """
    if not text.startswith(CALL_MARK):
        return None
    found = _QUOTED_CALL.fullmatch(text.removeprefix(CALL_MARK).strip())
    return ToolCall(found[1], found[2]) if found else None


def is_xlam(row: Json) -> bool:
    """Tell whether a row holds a question, the calls that answer it and the tools."""
    return {"query", "answers", "tools"} <= row.keys() and isinstance(row["answers"], list | str)


def read_xlam(row: Fields) -> Conversation:
    """Return the question and the turn that makes the calls.

    Raises:
        RowError: The question is no text, or the answers are no list of calls.
    """
    asked, answers = row.text("query"), row.peek("answers")
    if isinstance(answers, str):
        try:
            jsontext.parse_row(answers)
        except ValueError as error:
            raise RowError(f"answers is a text but not JSON: {error}") from error
    calls = [call_of(call) for call in row.objects("answers")]
    if asked is None or not calls or not all(call.name for call in calls):
        raise RowError("query must be a text, and answers a list of calls with their names")
    return conversation_of(row, [Turn("user", asked), Turn("assistant", tool_calls=calls)])
