"""Claude Code's session files: a JSONL file of records, each with a message of Anthropic's API.

Source: files described in Sinity/polylogue, polylogue/schemas/providers/claude-code.
"""

from collections.abc import Iterator
from itertools import pairwise

from chatlake_client.conversation import Conversation, Turn, last_model
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.parts import add_turn, turns_of_parts
from chatlake_client.shapes.shape import Thread
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree

SPOKEN_TYPES = frozenset({"user", "assistant"})
OTHER_TYPES = frozenset(
    {"summary", "file-history-snapshot", "queue-operation", "system", "progress"}
)


def is_claude_code(row: Json) -> bool:
    """Tell whether a row is a record of a session."""
    kind = row.get("type")
    if not isinstance(kind, str):
        return False
    if kind in SPOKEN_TYPES:
        return "sessionId" in row and isinstance(row.get("message"), dict)
    return kind in OTHER_TYPES and bool({"sessionId", "leafUuid", "snapshot"} & row.keys())


def parts_of_claude_code(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the record with the id of its session, if a person or the model speaks in it."""
    session = row.get("sessionId")
    is_hidden = row.get("isMeta") or row.get("isSidechain") or row.get("isApiErrorMessage")
    if (
        is_claude_code(row)
        and row["type"] in SPOKEN_TYPES
        and isinstance(session, str)
        and not is_hidden
    ):
        yield session, row


def read_claude_code(records: list[Json], losses: Losses) -> Conversation:
    """Return the session: the records of one message are one turn."""
    rows = [losses.open(record, level=Level.ROW) for record in records]
    session = rows[0].label("sessionId")
    nodes: list[Node] = []
    messages: dict[str, Node] = {}
    moved: dict[str, str] = {}
    for row in rows:
        node, message_id = _node(row)
        node.parent = moved.get(node.parent or "", node.parent)
        whole = messages.get(message_id or "")
        if whole and node.parent == whole.id:
            # The next record of the same message goes on from the record before it.
            moved[node.id] = whole.id
            add_turn(whole.turns[0], node.turns[0])
        else:
            nodes.append(node)
            if message_id and node.turns:
                messages[message_id] = node
    for before, node in pairwise(nodes):
        # What stood between two records may have been hidden, such as a command of the program.
        if node.parent is None or all(node.parent != other.id for other in nodes):
            node.parent = before.id
    tree = Tree(nodes)
    turns = tree.turns_to(nodes[-1].id, losses)
    if not turns:
        raise RowError("no turn")
    return Conversation(
        turns,
        agent_id=last_model(turns),
        ingest_id=session,
        created_at=turns[0].created_at,
    )


def _node(row: Fields) -> tuple[Node, str | None]:
    created_at = time_text(row.take("timestamp"))
    message = row.nested("message", level=Level.TURN)
    role = message.text("role") or row.text("type")
    row.take("type", "sessionId")
    message_id, model = message.label("id"), message.label("model")
    text = message.text("content")
    turns = (
        [Turn(role, text)]
        if text is not None
        else turns_of_parts(message.objects("content"), role, "\n")
    )
    for turn in turns:
        turn.created_at = created_at
        turn.model = model if turn.role == "assistant" else None
    shown = [turn for turn in turns if turn.role == "tool" or not turn.shows_nothing]
    return Node(row.label("uuid") or "", row.text("parentUuid"), shown), message_id
