"""Zed's text threads: one text, and where in it each message begins.

Source: zed-industries/zed, crates/assistant_context (`SavedContext`): the places count bytes of
UTF-8.
"""

from itertools import pairwise
from typing import Final

from chatlake_client.conversation import Application, Conversation, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, whole_number
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.vocabulary import role_of_word

MARK: Final = "zed"
KIND: Final = "context"


def is_zed_text(row: Json) -> bool:
    """Tell whether a row is a text thread."""
    return row.get(MARK) == KIND and isinstance(row.get("text"), str) and "messages" in row


def read_zed_text(row: Fields) -> Conversation:
    """Return a turn for each message that isn't empty.

    Raises:
        RowError: A place isn't one in the text, or a message doesn't tell who speaks.
    """
    data = (row.text("text") or "").encode()
    messages = row.objects("messages", level=Level.TURN)
    starts = [whole_number(message.take("start")) for message in messages]
    places = [start for start in starts if start is not None]
    if (
        len(places) != len(starts)
        or places != sorted(places)
        or places[:1] not in ([], [0])
        or places[-1:] > [len(data)]
    ):
        raise RowError("messages[].start must be rising numbers from 0 to the end of the text")
    turns = []
    for message, (start, end) in zip(messages, pairwise([*places, len(data)]), strict=True):
        about = message.nested("metadata", level=Level.TURN)
        role = role_of_word(about.peek("role"))
        if role is None:
            raise RowError("messages[].metadata.role must be user, assistant or system")
        about.take("role")
        try:
            text = data[start:end].decode().strip()
        except UnicodeDecodeError as error:
            raise RowError("messages[].start is within a character") from error
        if text:
            turns.append(Turn(role, text))
    row.leave("slash_command_output_sections", "thought_process_output_sections", MARK)
    return Conversation(
        turns,
        ingest_id=row.label("id"),
        title=row.text("summary"),
        client=Application("Zed"),
    )
