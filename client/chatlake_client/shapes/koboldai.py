"""KoboldAI Lite's saves in its instruct mode, in which marks tell who speaks.

A save is a text in pieces: `prompt` and `actions`. In other modes it is a story, or names stand
before the lines of a chat, and nothing tells who the model is.

Source: LostRuins/lite.koboldai.net, index.html (`{{[INPUT]}}`, `{{[OUTPUT]}}`).
"""

import re
from typing import Final

from chatlake_client.conversation import Application, Conversation, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields

ROLES: Final = {"INPUT": "user", "OUTPUT": "assistant", "SYSTEM": "system"}
_MARK: Final = re.compile(r"\n?\{\{\[(INPUT|OUTPUT|SYSTEM)\]\}\}\n?")
_END: Final = re.compile(r"\n?\{\{\[(?:INPUT|OUTPUT|SYSTEM)_END\]\}\}\n?")


def is_koboldai(row: Json) -> bool:
    """Tell whether a row is a save."""
    return "gamestarted" in row and isinstance(row.get("actions"), list)


def read_koboldai(row: Fields) -> Conversation:
    """Return the turns between the marks, with the memory as the system prompt.

    Raises:
        RowError: A text stands before the first mark.
    """
    pieces = [row.text("prompt"), *row.items("actions")]
    text = _END.sub("", "".join(piece for piece in pieces if isinstance(piece, str)))
    before, *marked = _MARK.split(text)
    if before.strip() or not marked:
        raise RowError("a story: no mark tells who speaks first")
    turns = [
        Turn(ROLES[mark], said)
        for mark, said in zip(marked[::2], marked[1::2], strict=True)
        if said
    ]
    if memory := row.label("memory"):
        turns.insert(0, Turn("system", memory))
    row.leave("prompt_note", "authorsnote", "worldinfo")
    return Conversation(turns, client=Application("KoboldAI Lite"))
