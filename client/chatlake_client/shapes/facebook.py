"""Messages of Facebook's download, between one person and Meta AI.

Facebook writes the bytes of UTF-8 as letters of Latin-1: `Ã¤` for `ä`. They are mended where all
texts of a chat can be read so; otherwise they stay as they are.

Source: files of Messenger in the download of Facebook, as public importers read them.
"""

from typing import Final

from chatlake_client.conversation import Application, Conversation
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.lists import oldest_first
from chatlake_client.shapes.messages import turns_of_list

ASSISTANT: Final = "Meta AI"
SENDER: Final = "sender_name"
TEXT: Final = "content"
FILES: Final = ("photos", "videos", "audio_files", "files", "gifs", "sticker", "share")


def is_facebook(row: Json) -> bool:
    """Tell whether a row is a chat of Messenger in which Meta AI takes part."""
    people, messages = row.get("participants"), row.get("messages")
    return (
        isinstance(people, list)
        and isinstance(messages, list)
        and any(isinstance(one, dict) and one.get("name") == ASSISTANT for one in people)
        and any(isinstance(one, dict) and SENDER in one for one in messages)
    )


def read_facebook(row: Fields) -> Conversation:
    """Return the messages, the oldest first.

    Raises:
        RowError: More than one person takes part.
    """
    messages = [message.rest() for message in row.objects("messages")]
    people = {str(message.get(SENDER)) for message in messages} - {ASSISTANT}
    if len(people) != 1:
        raise RowError(f"{len(people)} people talk with {ASSISTANT}, and one is a conversation")
    is_mended = all(map(_is_mendable, messages))
    spoken = [_spoken(message, is_mended=is_mended) for message in messages]
    read = turns_of_list(row, [*oldest_first(spoken)], "messages")
    turns = [turn for turn in read if not turn.shows_nothing]
    title = row.text("title")
    row.leave("participants")
    return Conversation(
        turns,
        ingest_id=row.label("thread_path"),
        created_at=turns[0].created_at if turns else None,
        title=title if title not in {*people, ASSISTANT} else None,
        client=Application(ASSISTANT),
    )


def _spoken(message: Json, *, is_mended: bool) -> Json:
    """Return a message in OpenAI's words."""
    own = {key: value for key, value in message.items() if key != SENDER}
    own["role"] = "assistant" if message.get(SENDER) == ASSISTANT else "user"
    if is_mended and isinstance(text := own.get(TEXT), str):
        own[TEXT] = text.encode("latin-1").decode()
    for key in FILES:
        if key in own:
            own.setdefault("files", own.pop(key))
    return own


def _is_mendable(message: Json) -> bool:
    """Tell whether a message's letters are bytes of UTF-8."""
    text = message.get(TEXT)
    if not isinstance(text, str):
        return True
    try:
        text.encode("latin-1").decode()
    except UnicodeError:
        return False
    return True
