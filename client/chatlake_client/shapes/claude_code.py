"""Claude Code's session files: a JSONL file of records, each with a message of Anthropic's API.

Qwen Code's are the same, with messages of Gemini's API.

Source: files described in Sinity/polylogue, polylogue/schemas/providers/claude-code.
"""

from collections.abc import Iterator

from chatlake_client.conversation import Application, Conversation, Turn, last_model
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses
from chatlake_client.shapes.gemini import turns_of_content
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.parts import add_turn, turns_of_parts
from chatlake_client.shapes.shape import Thread
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree

SESSION_KEYS = ("sessionId", "session_id")
SPOKEN_TYPES = frozenset({"user", "assistant"})
OTHER_TYPES = frozenset(
    {"summary", "file-history-snapshot", "queue-operation", "system", "progress", "result"}
)


def is_claude_code(row: Json) -> bool:
    """Tell whether a row is a record of a session."""
    kind = row.get("type")
    if not isinstance(kind, str):
        return False
    if kind in SPOKEN_TYPES:
        return _session_of(row) is not None and isinstance(row.get("message"), dict)
    return kind in OTHER_TYPES and not {*SESSION_KEYS, "leafUuid", "snapshot"}.isdisjoint(row)


def _session_of(row: Json) -> str | None:
    """Return the session of a record; the program's own output spells it in another way."""
    sessions = (row.get(key) for key in SESSION_KEYS)
    return next((session for session in sessions if isinstance(session, str)), None)


def parts_of_claude_code(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the record with the id of its session, if a person or the model speaks in it."""
    session = _session_of(row)
    is_hidden = (
        row.get("isMeta")
        or row.get("parent_tool_use_id")
        or row.get("isSidechain")
        or row.get("isApiErrorMessage")
    )
    if (
        is_claude_code(row)
        and row["type"] in SPOKEN_TYPES
        and isinstance(session, str)
        and not is_hidden
    ):
        yield session, row


def read_claude_code(records: list[Json], losses: Losses) -> Conversation:
    """Return the session: the records of one message are one turn."""
    in_time = sorted(records, key=lambda record: (time_text(record.get("timestamp")) or "")[:-1])
    rows = [losses.open(record, level=Level.ROW) for record in in_time]
    session = rows[0].label(*SESSION_KEYS)
    versions = [row.label("version") for row in rows]
    nodes = _joined([_node(row, f"#{place}") for place, row in enumerate(rows)])
    turns = Tree(nodes).turns_to(nodes[-1].id, losses)
    return Conversation(
        turns,
        agent_id=last_model(turns),
        ingest_id=session,
        created_at=turns[0].created_at if turns else None,
        client=Application("Claude Code", versions[-1]),
    )


def _joined(records: list[tuple[Node, str | None]]) -> list[Node]:
    """Return the nodes of the messages, each of which may be written as several records.

    Args:
        records: The node of each record, and the id of its message.
    """
    nodes: list[Node] = []
    of_messages: dict[str, Node] = {}
    # The node that stands for a record, and the last answer of a tool to a message.
    standing: dict[str, str] = {}
    last_answers: dict[str, str] = {}
    for node, message_id in records:
        if node.parent not in standing:
            # What stood between may have been hidden, such as a command of the program.
            node.parent = nodes[-1].id if nodes else None
        parent = standing.get(node.parent or "")
        whole = of_messages.get(message_id or "")
        if whole and parent == whole.id:
            for turn in node.turns:
                add_turn(whole.turns[-1], turn)
            standing[node.id] = whole.id
            continue
        if parent and node.turns and all(turn.role == "tool" for turn in node.turns):
            # Answers to calls of one message follow one another, and aren't alternatives.
            parent, last_answers[parent] = last_answers.get(parent, parent), node.id
        node.parent = parent
        nodes.append(node)
        standing[node.id] = node.id
        if message_id and node.turns:
            of_messages[message_id] = node
    return nodes


def _node(row: Fields, place: str) -> tuple[Node, str | None]:
    created_at = time_text(row.take("timestamp"))
    message = row.nested("message", level=Level.TURN)
    role = message.text("role") or row.text("type")
    row.take("type", *SESSION_KEYS)
    message_id, model = message.label("id"), message.label("model")
    turns = _turns_of(message, role)
    model = model or row.label("model")
    for turn in turns:
        turn.created_at = created_at
        turn.model = model if turn.role == "assistant" else None
    shown = [turn for turn in turns if turn.role == "tool" or not turn.shows_nothing]
    return Node(row.label("uuid") or place, row.text("parentUuid"), shown), message_id


def _turns_of(message: Fields, role: str | None) -> list[Turn]:
    if isinstance(message.peek("parts"), list):
        # Qwen Code writes the same records, with messages of Gemini's API.
        return turns_of_content(message, role)
    text = message.text("content")
    if text is not None:
        return [Turn(role, text)]
    return turns_of_parts(message.objects("content"), role, "\n")
