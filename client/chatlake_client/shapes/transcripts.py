"""Transcripts: one text in which a mark before each turn tells who speaks.

- `Human:` and `Assistant:` after an empty line: anthropics/hh-rlhf
- `### Human:` and `### Assistant:`: timdettmers/openassistant-guanaco, its card
"""

import re
from typing import Final

from chatlake_client.conversation import Conversation, Turn
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.messages import conversation_of

_SPEAKER: Final = re.compile(r"(?:^|\n\n|\s*### ?)(Human|Assistant): ?")
_ROLES: Final = {"Human": "user", "Assistant": "assistant"}


def begins_as_transcript(text: str) -> bool:
    """Tell whether a text begins with the mark of a speaker."""
    return _SPEAKER.match(text) is not None


def turns_of_transcript(text: str) -> list[Turn]:
    """Return the turns of a transcript; none of a text that begins without a mark."""
    if not begins_as_transcript(text):
        return []
    _, *pieces = _SPEAKER.split(text)
    speakers, texts = pieces[::2], pieces[1::2]
    return [Turn(_ROLES[speaker], said) for speaker, said in zip(speakers, texts, strict=True)]


def is_transcript(row: Json) -> bool:
    """Tell whether the text of a row is a transcript."""
    text = row.get("text")
    return isinstance(text, str) and begins_as_transcript(text)


def read_transcript(row: Fields) -> Conversation:
    """Return the turns of the row's text."""
    return conversation_of(row, turns_of_transcript(row.text("text") or ""))
