"""ChatGPT's export: `conversations.json`, or `conversations-000.json` and so on, in a zip file.

A conversation is an object with a `mapping` from ids to nodes, each with a message, a parent and
children, and `current_node`, the node that is shown last. What its user thought of a message is a
row of `message_feedback.json` beside it, whose `id` is the message's.

Sources: danny-avila/LibreChat, api/server/utils/import/importers.js and its __data__; exports
described in Sinity/polylogue, polylogue/schemas/providers/chatgpt.
"""

from collections.abc import Iterator
from typing import Final

from chatlake_client.conversation import Application, Attachment, Conversation, ToolCall, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.fields import Fields, Losses
from chatlake_client.shapes.labels import labels_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.media import kind_of_media
from chatlake_client.shapes.parts import joined
from chatlake_client.shapes.shape import Thread
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree

# Content that is about the account or the application, and not of the conversation.
OTHER_CONTENT: Final = frozenset(
    {"user_editable_context", "model_editable_context", "reasoning_recap"}
)
TO_EVERYBODY: Final = frozenset({"all", "assistant", ""})
INTERRUPTED: Final = "interrupted"
RATINGS: Final = {
    "thumbs_up": "positive",
    "thumbsUp": "positive",
    "thumbs_down": "negative",
    "thumbsDown": "negative",
}


def is_chatgpt(row: Json) -> bool:
    """Tell whether a row is a conversation of ChatGPT, or what its user thought of a message."""
    return (
        isinstance(row.get("mapping"), dict)
        or ("create_time" in row and "conversation_id" in row and "default_model_slug" in row)
        or _is_feedback(row)
    )


def _is_feedback(row: Json) -> bool:
    return row.keys() >= {"conversation_id", "id", "rating"} and "mapping" not in row


def parts_of_chatgpt(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the row with the id of its conversation: an export may hold earlier states of it."""
    id_ = row.get("conversation_id") or row.get("id")
    yield (id_ if isinstance(id_, str) else None), row


def read_chatgpt(rows: list[Json], losses: Losses) -> Conversation | None:
    """Return the newest state of a conversation; None for judgements of one that isn't there."""
    states = [row for row in rows if not _is_feedback(row)]
    if not states:
        return None
    row = losses.open(max(reversed(states), key=_updated), level=Level.ROW)
    nodes = [_node(id_, node) for id_, node in row.members("mapping").items()]
    feedback = [losses.open(row, "message_feedback") for row in rows if _is_feedback(row)]
    _rate(nodes, feedback)
    if not nodes:
        raise RowError("no mapping: there are no messages")
    tree = Tree(nodes)
    current = row.text("current_node")
    turns = tree.turns_to(current if current in tree else tree.newest_leaf(), losses)
    if not turns:
        raise RowError("no turn is left once hidden nodes are gone")
    own_id, id_ = row.label("conversation_id"), row.label("id")
    return Conversation(
        turns,
        # Shared conversations state the model as an object.
        agent_id=agent_of(turns, row, "default_model_slug", "model")
        or row.nested("model").label("slug"),
        ingest_id=own_id or id_,
        created_at=time_text(row.take("create_time")),
        title=row.label("title"),
        client=Application("ChatGPT"),
        labels=labels_of(row, "gizmo_id", "gizmo_type", "voice", "conversation_origin"),
    )


def _rate(nodes: list[Node], feedback: list[Fields]) -> None:
    turns = {node.id: node.turns[-1] for node in nodes if node.turns}
    for row in feedback:
        row.take("conversation_id", "workspace_id")
        rating = RATINGS.get(str(row.peek("rating")))
        turn = turns.get(str(row.peek("id")))
        if turn and rating:
            row.take("id", "rating")
            turn.rating = rating


def _updated(state: Json) -> str:
    return (time_text(state.get("update_time")) or "").rstrip("Z")


def _node(id_: str, node: Fields) -> Node:
    node.take("id")
    message = node.nested("message", level=Level.TURN)
    message.take("id")
    created_at = time_text(message.take("create_time"))
    turn = _turn(message)
    turn.created_at = created_at
    children = [child for child in node.items("children") if isinstance(child, str)]
    turns = [] if turn.shows_nothing else [turn]
    return Node(id_, node.text("parent"), turns, children, created_at)


def _turn(message: Fields) -> Turn:
    author, content = message.nested("author"), message.nested("content")
    metadata = message.nested("metadata")
    role, recipient = author.text("role"), message.text("recipient") or ""
    kind = content.text("content_type")
    message.leave("channel")
    if metadata.flag("is_visually_hidden_from_conversation") or kind in OTHER_CONTENT:
        return Turn()
    turn = Turn(role)
    if turn.role == "assistant":
        turn.model = metadata.label("model_slug")
    else:
        turn.name = author.label("name")
    finish = metadata.nested("finish_details")
    is_interrupted = finish.peek("type") == INTERRUPTED
    if message.text("status") == "in_progress" or is_interrupted:
        turn.stopped = True
    _add_content(turn, content, kind)
    _add_attachments(turn, metadata.objects("attachments"))
    if role == "assistant" and recipient not in TO_EVERYBODY:
        turn.tool_calls = [ToolCall(recipient, turn.content or "")]
        turn.content = None
    if kind == "system_error" and turn.role != "tool":
        return Turn()
    return turn


def _add_content(turn: Turn, content: Fields, kind: str | None) -> None:
    if kind == "thoughts":
        thoughts = [thought.text("content") for thought in content.objects("thoughts")]
        turn.reasoning = "\n".join(filter(None, thoughts)) or None
        return
    for part in content.items("parts"):
        if isinstance(part, str):
            turn.content = joined(turn.content, part, "\n")
        elif isinstance(part, dict):
            _add_part(turn, content.inner(part, "parts[]"))
    turn.content = joined(
        turn.content, content.text("text", "result", "content", "output_str"), "\n"
    )


def _add_part(turn: Turn, part: Fields) -> None:
    kind = part.text("content_type")
    match kind:
        case "audio_transcription":
            turn.content = joined(turn.content, part.text("text"), "\n")
        case "real_time_user_audio_video_asset_pointer":
            for key in ("audio_asset_pointer", "video_container_asset_pointer"):
                if isinstance(part.peek(key), dict):
                    _add_part(turn, part.nested(key))
        case str() if "asset_pointer" in part:
            pointer = part.text("asset_pointer")
            size = part.take("size_bytes")
            turn.attachments.append(
                Attachment(
                    next((kind_ for kind_ in ("image", "audio", "video") if kind_ in kind), "file"),
                    bytes=size if isinstance(size, int) else None,
                    ref=pointer,
                )
            )
        case _:
            text = part.text("text")
            turn.content = joined(turn.content, text, "\n")
            if text is None:
                part.lose(f"content of the type {kind}")


def _add_attachments(turn: Turn, listed: list[Fields]) -> None:
    """Add the files that the application lists; those that the content points at gain a name."""
    for entry in listed:
        id_, name, media_type = (
            entry.label("id"),
            entry.label("name"),
            entry.label("mime_type", "mimeType"),
        )
        size = entry.take("size", "size_bytes")
        attachment = next(
            (known for known in turn.attachments if id_ and known.ref and known.ref.endswith(id_)),
            None,
        )
        if attachment is None:
            attachment = Attachment(kind_of_media(media_type), ref=id_)
            turn.attachments.append(attachment)
        attachment.name, attachment.media_type = name, media_type
        if isinstance(size, int) and attachment.bytes is None:
            attachment.bytes = size
