"""Le Chat's export: a zip file with a list of messages for each chat.

`content` repeats the last of `contentChunks`, of which some are what the model thought. A message
that was answered anew has a higher `version` under the same id.

Source: exports as public importers read them.
"""

from collections.abc import Iterator
from typing import Final

from chatlake_client.conversation import Application, Conversation, Turn
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses
from chatlake_client.shapes.files import files_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.parts import joined
from chatlake_client.shapes.shape import Thread
from chatlake_client.shapes.times import time_text

RATINGS: Final = {
    **dict.fromkeys(("like", "good", "positive", "thumbs_up"), "positive"),
    **dict.fromkeys(("dislike", "bad", "negative", "thumbs_down"), "negative"),
}


def is_lechat(row: Json) -> bool:
    """Tell whether a row is a message of Le Chat."""
    return "chatId" in row and "role" in row and "content" in row


def parts_of_lechat(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the message with the id of its chat."""
    yield str(row["chatId"]), row


def read_lechat(messages: list[Json], losses: Losses) -> Conversation:
    """Return the chat in the order in which it was written; of one time, as the file has it."""
    rows = [
        losses.open(message, "messages[]", Level.TURN) for message in sorted(messages, key=_version)
    ]
    versions: dict[str, list[tuple[str, Turn]]] = {}
    for place, row in enumerate(rows):
        turn = _turn(row)
        time = (turn.created_at or "").rstrip("Z")
        versions.setdefault(row.label("id") or f"#{place}", []).append((time, turn))
    turns = []
    for same in sorted(versions.values(), key=_first_time):
        *others, turn = [turn for _, turn in same if not turn.shows_nothing] or [Turn()]
        turn.alternatives = [[other] for other in others]
        turns.append(turn)
    turns = [turn for turn in turns if not turn.shows_nothing]
    return Conversation(
        turns,
        ingest_id=str(messages[0]["chatId"]),
        created_at=turns[0].created_at if turns else None,
        client=Application("Le Chat"),
    )


def _version(message: Json) -> int:
    version = message.get("version")
    return version if isinstance(version, int) else 0


def _first_time(same: list[tuple[str, Turn]]) -> str:
    return min(time for time, _ in same)


def _turn(message: Fields) -> Turn:
    message.take("chatId", "version")
    turn = Turn(message.text("role"), created_at=time_text(message.take("createdAt")))
    text = message.text("content")
    for chunk in message.objects("contentChunks"):
        is_thought = chunk.nested("_context").text("type") == "reasoning"
        said = chunk.text("text")
        if is_thought:
            turn.reasoning = joined(turn.reasoning, said, "\n")
        elif said is None:
            chunk.lose(f"chunk of the type {chunk.peek('type')}")
    turn.content = text
    turn.rating = RATINGS.get(str(message.peek("reaction")))
    turn.attachments = files_of(message)
    message.leave("files", "context")
    return turn
