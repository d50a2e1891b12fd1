"""Claude's export: `conversations.json` in a zip file.

A conversation has `chat_messages`, each with a sender, a `text`, and in newer exports `content`
blocks and the message that it answers.

Source: exports described in Sinity/polylogue, polylogue/schemas/providers/claude-ai.
"""

from chatlake_client.conversation import Application, Attachment, Conversation, Turn
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.agents import agent_of
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.labels import labels_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.parts import turns_of_parts
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree

ROLES = {"human": "user"}
RATINGS = {"upvote": "positive", "downvote": "negative"}


def is_claude_ai(row: Json) -> bool:
    """Tell whether a row is a conversation of Claude."""
    return isinstance(row.get("chat_messages"), list)


def read_claude_ai(row: Fields) -> Conversation:
    """Return the conversation on the branch of the last message."""
    messages = row.objects("chat_messages", level=Level.TURN)
    if not messages:
        raise RowError("no messages")
    nodes: list[Node] = []
    for place, message in enumerate(messages):
        before = nodes[-1].id if nodes else None
        nodes.append(_node(message, f"#{place}", before))
    tree = Tree(nodes)
    current = row.text("current_leaf_message_uuid")
    turns = tree.turns_to(current if current in tree else nodes[-1].id, row.losses)
    return Conversation(
        turns,
        agent_id=agent_of(turns, row, "model"),
        ingest_id=row.label("uuid"),
        created_at=time_text(row.take("created_at")),
        title=row.label("name"),
        client=Application("Claude"),
        labels=labels_of(row, "summary"),
    )


def _node(message: Fields, id_: str, before: str | None) -> Node:
    """Read a message; without a parent it follows the one before it, as in older exports."""
    is_in_tree = "parent_message_uuid" in message
    parent = message.text("parent_message_uuid") if is_in_tree else before
    created_at = time_text(message.take("created_at"))
    turns = _turns(message)
    for turn in turns:
        turn.created_at = created_at
    rating = RATINGS.get(message.nested("chat_feedback").text("type") or "")
    if turns and rating:
        turns[-1].rating = rating
    message.leave("account", "index", "updated_at", "truncated")
    return Node(message.label("uuid") or id_, parent, turns, time=created_at)


def _turns(message: Fields) -> list[Turn]:
    sender = message.text("sender")
    role = ROLES.get(sender or "", sender)
    text = message.text("text")
    turns = turns_of_parts(message.objects("content"), role, "\n")
    if text and not any(turn.content for turn in turns):
        spoken = [turn for turn in turns if turn.role == role]
        if not spoken:
            spoken = [Turn(role)]
            turns += spoken
        spoken[-1].content = text
    attachments = [_attachment(file) for file in message.objects("attachments")]
    attachments += [_file(file) for key in ("files", "files_v2") for file in message.objects(key)]
    if attachments:
        if not turns:
            turns = [Turn(role)]
        turns[0].attachments += attachments
    return [turn for turn in turns if turn.role == "tool" or not turn.shows_nothing]


def _attachment(file: Fields) -> Attachment:
    size = file.take("file_size")
    return Attachment(
        "file",
        media_type=file.label("file_type"),
        name=file.label("file_name"),
        bytes=size if isinstance(size, int) else None,
        text=file.label("extracted_content"),
        ref=file.label("id"),
    )


def _file(file: Fields) -> Attachment:
    kind = file.text("file_kind")
    return Attachment(
        kind if kind in {"image", "audio", "video"} else "file",
        name=file.label("file_name"),
        ref=file.label("file_uuid"),
    )
