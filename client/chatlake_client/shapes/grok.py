"""Grok's export: `prod-grok-backend.json` with a list of conversations, each with its responses.

Responses name the one that they follow; of exports without these links the order is that of time.
Times are texts of ISO 8601, or MongoDB's objects of milliseconds.

Source: exports as public importers read them.
"""

from itertools import pairwise
from typing import Any

from chatlake_client.conversation import Application, Attachment, Conversation, Turn, last_model
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree
from chatlake_client.shapes.vocabulary import role_of_word


def is_grok(row: Json) -> bool:
    """Tell whether a row is a conversation of Grok."""
    return isinstance(row.get("conversation"), dict) and isinstance(row.get("responses"), list)


def read_grok(row: Fields) -> Conversation:
    """Return the conversation to the response that its export points at, or else the newest."""
    about = row.nested("conversation")
    nodes = [
        _node(wrapper.nested("response", level=Level.TURN) if "response" in wrapper else wrapper)
        for wrapper in row.objects("responses", level=Level.TURN)
    ]
    nodes.sort(key=lambda node: (node.time or "").rstrip("Z"))
    if not any(node.parent for node in nodes):
        for before, node in pairwise(nodes):
            node.parent = before.id
    tree = Tree(nodes)
    current = about.text("leaf_response_id")
    turns = tree.turns_to(current if current in tree else tree.newest_leaf(), row.losses)
    if not turns:
        raise RowError("no responses")
    return Conversation(
        turns,
        agent_id=last_model(turns),
        ingest_id=about.label("id"),
        created_at=time_text(_plain(about.take("create_time"))),
        title=about.label("title"),
        client=Application("Grok"),
    )


def _node(response: Fields) -> Node:
    sender = response.text("sender")
    created_at = time_text(_plain(response.take("create_time")))
    turn = Turn(role_of_word(sender) or sender, response.text("message"), created_at=created_at)
    model = response.label("model")
    if turn.role == "assistant":
        turn.model = model
        turn.reasoning = response.label("thinking_trace")
    if response.flag("partial"):
        turn.stopped = True
    for key, kind in (("file_attachments", "file"), ("image_attachments", "image")):
        files: list[Any] = response.items(key)
        turn.attachments += [Attachment(kind, ref=file) for file in files if isinstance(file, str)]
    id_ = response.label("_id", "id") or f"#{id(response)}"
    parent = _plain(response.take("parent_response_id"))
    turns = [] if turn.shows_nothing else [turn]
    return Node(id_, parent if isinstance(parent, str) else None, turns, time=created_at)


def _plain(value: object) -> object:
    """Return the value that MongoDB's JSON wraps with the name of its type."""
    while isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if not key.startswith("$"):
            break
        value = inner
    return value
