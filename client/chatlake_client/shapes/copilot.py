"""Copilot: the chats that Visual Studio Code exports, and the history of Microsoft's own Copilot.

- microsoft/vscode, src/vs/workbench/contrib/chat/common/model/chatModel.ts
  (ISerializableChatData): `requests`, each a question with the parts of its answer
- Microsoft's privacy dashboard: a CSV file of messages, the newest first, whose only name of a
  conversation is its title
"""

from collections.abc import Iterator
from typing import Final

from chatlake_client.conversation import Application, Conversation, Turn, last_model
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.parts import joined
from chatlake_client.shapes.shape import Thread
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.vocabulary import role_of_word

MODEL_PREFIX: Final = "copilot/"
CSV_COLUMNS: Final = frozenset({"Conversation", "Time", "Author", "Message"})
VOTES: Final = {1: "positive", 0: "negative"}
TEXT_KINDS: Final = frozenset({None, "markdownContent"})


def is_vscode(row: Json) -> bool:
    """Tell whether a row is a chat of Visual Studio Code."""
    return isinstance(row.get("requests"), list) and "responderUsername" in row


def read_vscode(row: Fields) -> Conversation:
    """Return the chat; of edits and calls only their number is known to the losses."""
    turns: list[Turn] = []
    for request in row.objects("requests", level=Level.TURN):
        turns += _exchange(request)
    responder = row.text("responderUsername")
    return Conversation(
        turns,
        agent_id=last_model(turns),
        ingest_id=row.label("sessionId"),
        created_at=time_text(row.take("creationDate"))
        or next((turn.created_at for turn in turns if turn.created_at), None),
        title=row.label("customTitle"),
        client=Application(responder or "Visual Studio Code"),
    )


def _exchange(request: Fields) -> list[Turn]:
    asked = request.text("message") or request.nested("message").text("text")
    created_at = time_text(request.take("timestamp"))
    answer = Turn("assistant")
    for part in request.objects("response"):
        _add_part(answer, part)
    model = request.label("modelId")
    answer.model = model.removeprefix(MODEL_PREFIX) if model else None
    vote = request.peek("vote")
    if isinstance(vote, int) and vote in VOTES:
        request.take("vote")
        answer.rating = VOTES[vote]
    answer.stopped = request.flag("isCanceled") or None
    turns = [Turn("user", asked, created_at=created_at), answer]
    return [turn for turn in turns if not turn.shows_nothing]


def _add_part(turn: Turn, part: Fields) -> None:
    kind = part.text("kind")
    if kind in TEXT_KINDS:
        inner = part.nested("content") if isinstance(part.peek("content"), dict) else part
        turn.content = joined(turn.content, inner.text("value"), "")
    elif kind == "thinking":
        turn.reasoning = joined(turn.reasoning, part.text("value"), "\n")
    elif kind == "inlineReference":
        turn.content = joined(turn.content, _name_of_reference(part), "")
    else:
        part.lose(f"part of the kind {kind}", is_meant=False)


def _name_of_reference(part: Fields) -> str | None:
    reference = part.nested("inlineReference")
    name, path = part.label("name") or reference.label("name"), reference.text("path", "fsPath")
    return name or (path.rpartition("/")[2] if path else None)


def is_copilot_message(row: Json) -> bool:
    """Tell whether a row is a message of Copilot's history."""
    return row.keys() >= CSV_COLUMNS


def parts_of_copilot(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the message with the title of its conversation."""
    yield str(row["Conversation"]), row


def read_copilot(messages: list[Json], losses: Losses) -> Conversation:
    """Return the conversation in the order of time, which is the file's, reversed.

    A question and its answer may have the same time, so times only tell which end is the older.
    """
    rows = [losses.open(message, "messages[]", Level.TURN) for message in messages]
    turns = [_message(row) for row in rows]
    times = [turn.created_at for turn in turns if turn.created_at]
    if times and times[0] >= times[-1]:
        turns.reverse()
    return Conversation(
        turns,
        created_at=next((turn.created_at for turn in turns), None),
        title=str(messages[0]["Conversation"]) or None,
        client=Application("Copilot"),
    )


def _message(row: Fields) -> Turn:
    row.take("Conversation")
    author = row.text("Author")
    created_at = time_text(row.take("Time"))
    return Turn(role_of_word(author) or author, row.text("Message"), created_at=created_at)
