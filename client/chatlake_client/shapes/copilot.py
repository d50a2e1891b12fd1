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
from chatlake_client.shapes.calls import call_of
from chatlake_client.shapes.fields import Fields, Losses
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.parts import joined
from chatlake_client.shapes.shape import Thread
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.vocabulary import role_of_word

MODEL_PREFIX: Final = "copilot/"
CSV_COLUMNS: Final = frozenset({"Conversation", "Time", "Author", "Message"})
VOTES: Final = {1: "positive", 0: "negative"}
SILENT_KINDS: Final = frozenset(
    {"progressMessage", "progressTaskSerialized", "undoStop", "codeblockUri", "mcpServersStarting"}
    | {"prepareToolInvocation", "command", "reference", "references", "codeCitation"}
)
"""Kinds of parts that the editor shows, and no model said."""
TEXT_KINDS: Final = frozenset({None, "markdownContent"})


def is_vscode(row: Json) -> bool:
    """Tell whether a row is a chat of Visual Studio Code."""
    return isinstance(row.get("requests"), list) and "responderUsername" in row


def read_vscode(row: Fields) -> Conversation:
    """Return the chat."""
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
    turns = _answered(request)
    model = request.label("modelId")
    vote = request.peek("vote")
    for turn in turns:
        if turn.role == "assistant":
            turn.model = model.removeprefix(MODEL_PREFIX) if model else None
    if turns and isinstance(vote, int) and vote in VOTES:
        request.take("vote")
        turns[-1].rating = VOTES[vote]
    if turns:
        turns[-1].stopped = request.flag("isCanceled") or None
    turns.insert(0, Turn("user", asked, created_at=created_at))
    return [turn for turn in turns if turn.role == "tool" or not turn.shows_nothing]


def _answered(request: Fields) -> list[Turn]:
    """Return the answer of a request: round by round, where the model called tools."""
    metadata = request.nested("result").nested("metadata")
    rounds = metadata.objects("toolCallRounds")
    results = metadata.members("toolCallResults")
    if any(one.peek("toolCalls") for one in rounds):
        # The parts say the same, without the arguments.
        request.leave("response")
        return [turn for one in rounds for turn in _round(one, results)]
    answer = Turn("assistant")
    for part in request.objects("response"):
        _add_part(answer, part)
    return [answer]


def _round(one: Fields, results: dict[str, Fields]) -> list[Turn]:
    turn = Turn("assistant", one.label("response"))
    turn.reasoning = one.nested("thinking").label("text")
    turns = [turn]
    for call in one.objects("toolCalls"):
        turn.tool_calls.append(call_of(call))
        id_, name = turn.tool_calls[-1].id, turn.tool_calls[-1].name
        if id_ in results:
            texts = [part.text("value") for part in results[id_].objects("content")]
            text = "\n".join(filter(None, texts))
            turns.append(Turn("tool", text, tool_call_id=id_, name=name))
    return turns


def _add_part(turn: Turn, part: Fields) -> None:
    kind = part.text("kind")
    if kind in TEXT_KINDS:
        inner = part.nested("content") if isinstance(part.peek("content"), dict) else part
        turn.content = joined(turn.content, inner.text("value"), "")
    elif kind == "thinking":
        turn.reasoning = joined(turn.reasoning, part.text("value"), "\n")
    elif kind == "inlineReference":
        turn.content = joined(turn.content, _name_of_reference(part), "")
    elif kind not in SILENT_KINDS:
        part.lose(f"part of the kind {kind}")


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
