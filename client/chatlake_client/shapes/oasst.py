"""Open Assistant's trees, and their messages one a line.

Source: LAION-AI/Open-Assistant, oasst-data/oasst_data/schemas.py and README.md.
"""

from collections.abc import Iterator

from chatlake_client.conversation import Conversation, Preference, Turn, all_turns, last_model
from chatlake_client.errors import RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Fields, Losses, whole_number
from chatlake_client.shapes.labels import labels_of
from chatlake_client.shapes.meaning import Level
from chatlake_client.shapes.shape import Thread
from chatlake_client.shapes.times import time_text
from chatlake_client.shapes.tree import Node, Tree

ROLES = {"prompter": "user"}
# What people thought of a message as a contribution, and detectors of its words.
ABOUT_MESSAGES = ("labels", "emojis", "detoxify", "review_count", "review_result", "synthetic")

LABELS = ("lang",)
"""What the first message says of the whole tree."""


def is_oasst_tree(row: Json) -> bool:
    """Tell whether a row is a tree."""
    return "message_tree_id" in row and isinstance(row.get("prompt"), dict)


def is_oasst_message(row: Json) -> bool:
    """Tell whether a row is a message."""
    return "message_id" in row and "text" in row and "role" in row and "parent_id" in row


def parts_of_oasst(row: Json) -> Iterator[tuple[Thread, Json]]:
    """Yield the message with the id of its tree."""
    id_ = row.get("message_tree_id") or row.get("parent_id") or row.get("message_id")
    yield str(id_), row


def read_oasst_tree(row: Fields) -> Conversation:
    """Return the conversation of a tree along the best replies."""
    tree_id = row.label("message_tree_id")
    nodes: list[Node] = []
    labels: dict[str, str] = {}
    waiting: list[tuple[object, str | None]] = [(row.take("prompt"), None)]
    while waiting:
        value, parent = waiting.pop()
        message = row.inner(value, "messages[]", Level.TURN)
        if parent is None:
            labels = labels_of(message, *LABELS)
        replies = message.items("replies")
        node = _node(message, parent)
        nodes.append(node)
        waiting += [(reply, node.id) for reply in reversed(replies)]
    return _conversation(nodes, tree_id, labels, row.losses)


def read_oasst_messages(messages: list[Json], losses: Losses) -> Conversation:
    """Return the conversation of a tree whose messages stand one a line, in any order."""
    rows = [losses.open(message, "messages[]", Level.TURN) for message in messages]
    tree_ids = [row.label("message_tree_id") for row in rows]
    first = next((row for row in rows if "parent_id" not in row), rows[0])
    labels = labels_of(first, *LABELS)
    return _conversation([_node(row, None) for row in rows], tree_ids[0], labels, losses)


def _conversation(
    nodes: list[Node], tree_id: str | None, labels: dict[str, str], losses: Losses
) -> Conversation:
    answered = {node.parent for node in nodes if node.turns}
    tree = Tree(nodes)

    def best(siblings: list[Node]) -> Node:
        shown = [node for node in siblings if node.turns] or siblings
        ranks = [node.turns[0].rank for node in shown if node.turns]
        if any(rank is not None for rank in ranks):
            return min(shown, key=_rank)
        return next((node for node in shown if node.id in answered), shown[0])

    turns = tree.turns_to(tree.leaf_by(best), losses)
    if not turns:
        raise RowError("no message is left once deleted ones are gone")
    is_ranked = any(turn.rank is not None and turn.alternatives for turn in all_turns(turns))
    return Conversation(
        turns,
        agent_id=last_model(turns),
        ingest_id=tree_id or nodes[0].id,
        created_at=turns[0].created_at,
        labels=labels,
        preference=Preference("ranking") if is_ranked else None,
    )


def _rank(node: Node) -> float:
    rank = node.turns[0].rank if node.turns else None
    return float("inf") if rank is None else rank


def _node(message: Fields, parent: str | None) -> Node:
    message.leave(*ABOUT_MESSAGES)
    role = message.text("role")
    turn = Turn(
        ROLES.get(role or "", role),
        message.text("text"),
        model=message.label("model_name"),
        created_at=time_text(message.take("created_date")),
        rank=whole_number(message.take("rank")),
    )
    is_hidden = message.flag("deleted") or turn.shows_nothing
    stated_parent = message.label("parent_id")
    return Node(
        message.label("message_id") or f"#{id(message)}",
        stated_parent or parent,
        [] if is_hidden else [turn],
    )
