"""Finds the main path and the alternatives in a tree of messages.

Applications that let a user ask or answer anew keep all versions as a tree, and a pointer to the
message that is shown last. The path from the root to that message is the main path.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from chatlake_client.conversation import Turn
from chatlake_client.shapes.fields import Losses


@dataclass(slots=True)
class Node:
    """A message of a tree.

    Attributes:
        id: The id by which others refer to it.
        parent: The id of the message that it follows; None for a first one.
        turns: The turns that the message becomes; none where it is hidden or shows nothing.
        children: The ids of the messages that follow, as far as the file lists them.
        time: The time of the message, as a text that sorts by time; None when it isn't known.
    """

    id: str
    parent: str | None
    turns: list[Turn]
    children: list[str] = field(default_factory=list)
    time: str | None = None


class Tree:
    """A tree of messages whose links were mended.

    A link to a child that the file lacks, or that another message has listed before, is dropped; a
    child that its parent doesn't list is added behind the others. Messages that show nothing, and
    that nothing follows which does, count as absent. A message without a known parent
    is a first one, and of messages that follow one another in a circle the first of the file is.

    Args:
        nodes: The messages, in the file's order.
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = {node.id: node for node in nodes}
        self._parents = self._linked()
        self._children: dict[str | None, list[str]] = {id_: [] for id_ in self._nodes}
        self._children[None] = []
        self._shown = self._ids_shown()
        for id_ in self._in_order():
            if id_ in self._shown:
                self._children[self._parents[id_]].append(id_)

    def _linked(self) -> dict[str, str | None]:
        """Return the parent of each message: what itself says, or else who lists it."""
        listed = {
            child: node.id
            for node in reversed(self._nodes.values())
            for child in node.children
            if child in self._nodes
        }
        parents: dict[str, str | None] = {}
        for id_, node in self._nodes.items():
            parent = node.parent if node.parent in self._nodes else listed.get(id_)
            parents[id_] = None if parent == id_ else parent
        _cut_circles(parents)
        return parents

    def _ids_shown(self) -> set[str]:
        """Return the ids of the messages that show something, or are followed by one that does."""
        shown: set[str] = set()
        for id_, node in self._nodes.items():
            above: str | None = id_ if node.turns else None
            while above is not None and above not in shown:
                shown.add(above)
                above = self._parents[above]
        return shown

    def _in_order(self) -> Iterable[str]:
        """Yield all ids, those of siblings in the order in which their parent lists them."""
        places: dict[str, int] = {}
        for node in self._nodes.values():
            for place, child in enumerate(node.children):
                if self._parents.get(child) == node.id:
                    places.setdefault(child, place)
        return sorted(self._nodes, key=lambda id_: places.get(id_, len(places)))

    def __contains__(self, id_: object) -> bool:
        """Tell whether a message is there, and shows something or is followed by one that does."""
        return id_ in self._shown

    def newest_leaf(self) -> str | None:
        """Return the leaf with the latest time, or the last of the file where times are equal."""
        shown = [id_ for id_ in reversed(self._nodes) if id_ in self._shown]
        leaves = [id_ for id_ in shown if not self._children[id_]]
        return max(leaves, key=lambda id_: (self._nodes[id_].time or "").rstrip("Z"), default=None)

    def leaf_by(self, choose: Callable[[list[Node]], Node]) -> str | None:
        """Return the leaf that is reached by choosing one of the siblings at each fork."""
        leaf: str | None = None
        while children := self._children[leaf]:
            leaf = choose([self._nodes[id_] for id_ in children]).id
        return leaf

    def last_leaf(self) -> str | None:
        """Return the leaf that is reached by the last sibling at each fork."""
        return self.leaf_by(lambda siblings: siblings[-1])

    def turns_to(self, end: str | None, losses: Losses) -> list[Turn]:
        """Return the main path, whose turns have what else stood in their place as alternatives.

        Args:
            end: The last message of the path; None for a tree without messages.
            losses: Is told of messages that follow `end`, which have no place.
        """
        path = self._path_to(end)
        turns: list[Turn] = []
        waiting: list[list[Turn]] = []
        for id_ in path:
            node_turns = self._nodes[id_].turns
            waiting += self._continuations_beside(id_)
            if node_turns:
                node_turns[0].alternatives += waiting
                waiting = []
                turns += node_turns
        if waiting or (end is not None and any(map(self._continuation, self._children[end]))):
            losses.lose("turns after the selected one")
        return joined_reasoning(turns)

    def _path_to(self, end: str | None) -> list[str]:
        path: list[str] = []
        while end is not None:
            path.append(end)
            end = self._parents[end]
        return path[::-1]

    def _continuations_beside(self, id_: str) -> list[list[Turn]]:
        siblings = self._children[self._parents[id_]]
        others = (self._continuation(other) for other in siblings if other != id_)
        return [turns for turns in others if turns]

    def _continuation(self, id_: str) -> list[Turn]:
        """Return the turns from a message on; below it, its last child goes on."""
        turns: list[Turn] = []
        waiting: list[list[Turn]] = []
        last: str | None = id_
        while last is not None:
            if node_turns := self._nodes[last].turns:
                node_turns[0].alternatives += waiting
                waiting = []
                turns += node_turns
            children = self._children[last]
            last = children[-1] if children else None
            if last is not None:
                waiting += self._continuations_beside(last)
        return joined_reasoning(turns)


def _cut_circles(parents: dict[str, str | None]) -> None:
    """Make the first message of each circle of parents one without a parent."""
    done: set[str] = set()
    for start in parents:
        seen: set[str] = set()
        id_: str | None = start
        while id_ is not None and id_ not in done:
            if id_ in seen:
                parents[id_] = None
                break
            seen.add(id_)
            id_ = parents[id_]
        done |= seen


def joined_reasoning(turns: list[Turn]) -> list[Turn]:
    """Return turns in which thoughts that stand alone have become those of the turn after them."""
    joined: list[Turn] = []
    for turn in turns:
        before = joined[-1] if joined else None
        if before and _is_thought(before) and turn.role == before.role:
            joined.pop()
            turn.reasoning = "\n".join(filter(None, (before.reasoning, turn.reasoning)))
            turn.alternatives = before.alternatives + turn.alternatives
            turn.model = turn.model or before.model
        joined.append(turn)
    return joined


def _is_thought(turn: Turn) -> bool:
    return bool(turn.reasoning) and not (turn.content or turn.tool_calls or turn.attachments)
