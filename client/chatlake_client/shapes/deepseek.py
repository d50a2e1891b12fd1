"""DeepSeek's export: `conversations.json` in a zip file, with a `mapping` as ChatGPT's.

Newer messages consist of fragments (REQUEST, THINK, SEARCH, RESPONSE); older ones have a content
and `reasoning_content`, and who speaks follows from their places: the first message is the user's.

Source: exports as public importers read them, and samples of ceyaima/deepseek-exporter.
"""

from typing import Final

from chatlake_client.conversation import Application, Attachment, Conversation, Turn, last_model
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.parts import joined
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree
from chatlake_client.shapes.vocabulary import role_of_word

ASKED: Final = "REQUEST"
THOUGHT: Final = "THINK"
ANSWERED: Final = frozenset({"RESPONSE", "TEXT"})
SILENT: Final = frozenset({"SEARCH", "READ_LINK", "TIP"})
"""Fragments that tell what the application looked up, and no model said."""


def is_deepseek(row: Json) -> bool:
    """Tell whether a row is a conversation of DeepSeek."""
    return isinstance(row.get("mapping"), dict) and "inserted_at" in row


def read_deepseek(row: Fields) -> Conversation:
    """Return the conversation to the newest message."""
    nodes = [_node(id_, node) for id_, node in row.members("mapping").items()]
    roles = _roles_by_place(nodes)
    for node in nodes:
        for turn in node.turns:
            turn.role = turn.role or roles[node.id]
            if turn.role != "assistant":
                turn.model = None
    tree = Tree(nodes)
    current = row.text("current_message_id")
    turns = tree.turns_to(current if current in tree else tree.newest_leaf(), row.losses)
    if not turns:
        raise RowError("no message says anything")
    return Conversation(
        turns,
        agent_id=last_model(turns),
        ingest_id=row.label("id"),
        created_at=time_text(row.take("inserted_at")),
        title=row.label("title"),
        client=Application("DeepSeek"),
    )


def _roles_by_place(nodes: list[Node]) -> dict[str, str]:
    """Return who speaks in each message by its depth: user and assistant take turns."""
    parents = {node.id: node.parent for node in nodes}
    spoken = {node.id for node in nodes if node.turns}
    roles: dict[str, str] = {}
    for id_, parent in parents.items():
        depth, above, seen = 0, parent, {id_}
        while above in parents and above not in seen:
            seen.add(above)
            depth += above in spoken
            above = parents[above]
        roles[id_] = "assistant" if depth % 2 else "user"
    return roles


def _node(id_: str, node: Fields) -> Node:
    node.take("id")
    message = node.nested("message", level=Level.TURN)
    created_at = time_text(message.take("inserted_at"))
    turn = Turn(role_of_word(message.text("role")), created_at=created_at)
    turn.model = message.label("model")
    for fragment in message.objects("fragments"):
        _add_fragment(turn, fragment)
    turn.content = joined(turn.content, message.label("content"), "\n")
    turn.reasoning = joined(turn.reasoning, message.label("reasoning_content"), "\n")
    for file in message.objects("files"):
        turn.attachments.append(
            Attachment("file", name=file.label("file_name", "name"), ref=file.label("id"))
        )
    message.leave("search_results", "files")
    children = [child for child in node.items("children") if isinstance(child, str)]
    turns = [] if turn.shows_nothing else [turn]
    return Node(id_, node.text("parent"), turns, children, created_at)


def _add_fragment(turn: Turn, fragment: Fields) -> None:
    kind, text = fragment.text("type"), fragment.text("content")
    if kind == ASKED:
        turn.role = "user"
        turn.content = joined(turn.content, text, "\n")
    elif kind == THOUGHT:
        turn.role = "assistant"
        turn.reasoning = joined(turn.reasoning, text, "\n")
    elif kind in ANSWERED:
        turn.role = "assistant"
        turn.content = joined(turn.content, text, "\n")
    elif kind not in SILENT:
        fragment.lose(f"fragment of the type {kind}")
