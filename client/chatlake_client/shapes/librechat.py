"""LibreChat's exports of one conversation: a tree or a list of messages as JSON, or CSV.

Sources: danny-avila/LibreChat, client/src/hooks/Conversations/useExportConversation.ts,
packages/data-provider/src/schemas.ts and feedback.ts.
"""

from collections.abc import Iterator

from chatlake_client.conversation import Application, Attachment, Conversation, ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.fields import Fields, Losses, json_text
from chatlake_client.shapes.labels import labels_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.media import kind_of_media
from chatlake_client.shapes.parts import turns_of_parts
from chatlake_client.shapes.shape import OF_THE_FILE, Thread
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree

RATINGS = {"thumbsUp": "positive", "thumbsDown": "negative"}
CSV_COLUMNS = {"sender", "text", "isCreatedByUser", "messageId"}


def is_librechat(row: Json) -> bool:
    """Tell whether a row is an exported conversation."""
    messages = row.get("messages")
    return "messagesTree" in row or (
        "conversationId" in row
        and isinstance(messages, list | dict)
        and ("exportAt" in row or "endpoint" in row)
    )


def read_librechat(row: Fields) -> Conversation:
    """Return the conversation on the path of the last messages."""
    options = row.nested("options")
    # How the export was made: with which branches, and whether as a tree.
    row.take("branches", "recursive")
    nodes = list(_nodes_of_tree(row))
    turns, conversation_time = _shown(nodes, row.losses)
    system = options.label("promptPrefix", "instructions", "system")
    if system:
        turns.insert(0, Turn("system", system))
    return Conversation(
        turns,
        agent_id=agent_of(turns, options, "model") or row.label("model"),
        ingest_id=row.label("conversationId"),
        created_at=conversation_time,
        title=row.label("title"),
        client=Application("LibreChat"),
        labels={
            **labels_of(options, "endpoint", "temperature", "top_p"),
            **labels_of(row, "endpoint", "tags"),
        },
    )


def is_librechat_message(row: Json) -> bool:
    """Tell whether a row is a message of a CSV file."""
    return row.keys() >= CSV_COLUMNS


def parts_of_librechat_csv(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the message; a file is one conversation."""
    yield OF_THE_FILE, row


def read_librechat_csv(messages: list[Json], losses: Losses) -> Conversation:
    """Return the conversation of a CSV file, which names neither its id nor its model."""
    rows = [losses.open(message, "messages[]", Level.TURN) for message in messages]
    turns, created_at = _shown([_node(row, None) for row in rows], losses)
    return Conversation(turns, created_at=created_at, client=Application("LibreChat"))


def _shown(nodes: list[Node], losses: Losses) -> tuple[list[Turn], str | None]:
    if not nodes:
        raise RowError("no messages")
    tree = Tree(nodes)
    turns = tree.turns_to(tree.last_leaf(), losses)
    if not turns:
        raise RowError("no turn is left")
    return turns, next((turn.created_at for turn in turns if turn.created_at), None)


def _nodes_of_tree(row: Fields) -> Iterator[Node]:
    """Yield the messages of a list, or of lists within lists, parents first."""
    waiting: list[tuple[Fields, str | None]] = []
    if isinstance(row.peek("messages"), dict):
        waiting.append((row.nested("messages", level=Level.TURN), None))
    messages = row.objects("messagesTree", "messages", level=Level.TURN)
    waiting += [(message, None) for message in reversed(messages)]
    while waiting:
        message, parent = waiting.pop()
        children = message.items("children")
        message.path = "messages[]"
        node = _node(message, parent)
        yield node
        for child in reversed(children):
            waiting.append(
                (message.losses.open(_checked(child), "messages[]", Level.TURN), node.id)
            )


def _checked(child: object) -> Json:
    if not isinstance(child, dict):
        raise RowError("a child of a message must be an object")
    return child


def _node(message: Fields, parent: str | None) -> Node:
    id_ = message.label("messageId") or f"#{id(message)}"
    stated_parent = message.label("parentMessageId")
    created_at = time_text(message.take("createdAt"))
    message.leave("sender", "isEdited", "error", "feedback", "files", "attachments")
    is_error = message.flag("error")
    if is_error:
        # The application's own words, which no model said.
        message.leave("text")
    turns = [] if is_error else _turns(message)
    for turn in turns:
        if turn.role != "tool":
            turn.created_at = created_at
    return Node(id_, stated_parent or parent, turns, time=created_at)


def _turns(message: Fields) -> list[Turn]:
    role = "user" if message.flag("isCreatedByUser") else "assistant"
    text = message.text("text")
    turns = _turns_of_parts(message, role)
    if text and not any(turn.content for turn in turns if turn.role == role):
        if not turns or turns[-1].role != role:
            turns.append(Turn(role))
        turns[-1].content = text
    model = message.label("model")
    is_unfinished = message.flag("unfinished", "cancelled")
    rating = RATINGS.get(str(message.nested("feedback").take("rating")))
    # What tools add beside files, such as the results of a search, has no name.
    listed = [file for key in ("files", "attachments") for file in message.objects(key)]
    files = [_file(file) for file in listed if "file_id" in file or "filename" in file]
    if files and not turns:
        turns = [Turn(role)]
    turns = [turn for turn in turns if turn.role == "tool" or not turn.shows_nothing or files]
    if not turns:
        return []
    turns[0].attachments += files
    for turn in turns:
        turn.model = model if turn.role == "assistant" else None
    turns[-1].rating = rating
    turns[-1].stopped = True if is_unfinished else None
    return turns


def _turns_of_parts(message: Fields, role: str) -> list[Turn]:
    """Return the turns of the parts: a call, its answer and what follows are turns of their own."""
    turns: list[Turn] = []
    for part in message.objects("content"):
        kind = part.peek("type")
        if kind in ("error", "agent_update"):
            part.take("type")
            part.leave("error")
            continue
        if not turns or turns[-1].role != role:
            turns.append(Turn(role))
        if kind == "tool_call":
            turns += _called(turns[-1], part.nested("tool_call"))
            continue
        for turn in turns_of_parts([part], role, "\n"):
            _add(turns[-1], turn)
    return turns


def _add(turn: Turn, more: Turn) -> None:
    for name in ("content", "reasoning"):
        texts = [text for text in (getattr(turn, name), getattr(more, name)) if text]
        setattr(turn, name, "\n".join(texts) or None)
    turn.attachments += more.attachments


def _called(turn: Turn, call: Fields) -> list[Turn]:
    inner = call.nested("function") if "function" in call else call
    name, id_ = inner.label("name") or "", call.label("id")
    arguments, output = inner.take("args", "arguments"), inner.take("output")
    turn.tool_calls.append(ToolCall(name, json_text(arguments or {}), id_))
    if output is None:
        return []
    return [Turn("tool", json_text(output), tool_call_id=id_, name=name)]


def _file(file: Fields) -> Attachment:
    media_type = file.label("type")
    size = file.take("bytes")
    return Attachment(
        kind_of_media(media_type),
        media_type=media_type,
        name=file.label("filename"),
        bytes=size if isinstance(size, int) else None,
        text=file.label("text"),
        ref=file.label("file_id") or file.label("filepath"),
    )
