"""Chats of OpenRouter's page: messages and characters by their ids.

Source: exports of the versions orpg.1.0 and orpg.2.0, as importers read them, such as
artisticMink/OpenRouterImportForSillyTavern.
"""

from typing import Final

from chatlake_client.conversation import Application, Conversation, Turn, last_model
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.files import files_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.times import time_text

USER: Final = "USER"


def is_openrouter(row: Json) -> bool:
    """Tell whether a row is a chat."""
    return isinstance(row.get("messages"), dict) and isinstance(row.get("characters"), dict)


def read_openrouter(row: Fields) -> Conversation:
    """Return the messages in the order of their times; each character is a model."""
    characters = row.members("characters")
    models = {id_: character.label("model") for id_, character in characters.items()}
    turns = [_turn(message, models) for message in row.members("messages", Level.TURN).values()]
    turns.sort(key=lambda turn: (turn.created_at or "").rstrip("Z"))
    return Conversation(
        [turn for turn in turns if not turn.shows_nothing],
        agent_id=last_model(turns),
        created_at=next((turn.created_at for turn in turns if turn.created_at), None),
        title=row.label("title"),
        client=Application("OpenRouter"),
    )


def _turn(message: Fields, models: dict[str, str | None]) -> Turn:
    speaker = message.label("characterId") or ""
    message.leave("context", "contentType", "isEdited")
    return Turn(
        "user" if speaker == USER else "assistant",
        message.text("content"),
        reasoning=message.text("reasoning"),
        model=models.get(speaker),
        created_at=time_text(message.take("createdAt")),
        attachments=files_of(message),
    )
