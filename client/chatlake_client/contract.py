"""Turns conversations into what the service takes.

The service stores the text of a conversation, who spoke, and what was thought of it. What else a
conversation holds is counted as not taken, and where the conversation reads differently without it,
it is refused. When the service learns to take a field, the field moves from `NOT_YET_TAKEN` to the
function that writes it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from chatlake_client.conversation import (
    Conversation,
    NotTaken,
    Turn,
    all_turns,
    paths,
)
from chatlake_client.errors import LossyRowError, RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Losses

# The name to credit travels under the key that the GPT4All desktop client gave it.
ATTRIBUTION_WIRE_KEY: Final = "network/attribution"

NOT_YET_TAKEN: Final = {
    "tools": True,
    "title": False,
    "created_at": False,
    "client": False,
    "licence": False,
    "labels": False,
    "preference": False,
    "turns[].reasoning": True,
    "turns[].tool_calls": True,
    "turns[].tool_call_id": True,
    "turns[].name": True,
    "turns[].model": True,
    "turns[].created_at": False,
    "turns[].rank": False,
    "turns[].attachments": True,
    "turns[].alternatives": True,
}
"""Fields that the service doesn't take; True where a conversation reads differently without it."""

_OF_TURNS: Final = "turns[]."
_NOT_YET_TAKEN_OF_TURNS: Final = [
    key.removeprefix(_OF_TURNS) for key in NOT_YET_TAKEN if key.startswith(_OF_TURNS)
]
_NOT_YET_TAKEN_OF_CONVERSATIONS: Final = [
    key for key in NOT_YET_TAKEN if not key.startswith(_OF_TURNS)
]


@dataclass(frozen=True, slots=True)
class Defaults:
    """The fields of submissions whose rows don't state them.

    Attributes:
        agent_id: The agent that the conversations were held with. The service requires one.
        source: Where the conversations come from; None when that isn't known.
        submitter_id: Who sends the conversations; None sends them anonymously.
        attribution: The name to credit; None credits nobody.
    """

    agent_id: str | None = "unknown"
    source: str | None = None
    submitter_id: str | None = None
    attribution: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How conversations become submissions.

    Attributes:
        defaults: The fields of submissions that a conversation doesn't state.
        is_lossy: Whether conversations are sent that lose something which carries meaning.
        sends_branches: Whether each other path through a tree is sent as a conversation, too.
    """

    defaults: Defaults = field(default_factory=Defaults)
    is_lossy: bool = False
    sends_branches: bool = False


@dataclass(slots=True)
class Contents:
    """What conversations hold.

    Attributes:
        conversations: How many there are.
        turns: How many turns their main paths have.
        alternatives: How many alternatives these have.
        attachments: How many attachments were described.
        not_taken: How often each key wasn't taken.
    """

    conversations: int = 0
    turns: int = 0
    alternatives: int = 0
    attachments: int = 0
    not_taken: NotTaken = field(default_factory=Counter)

    def add(self, other: "Contents") -> None:
        """Count what others hold, too."""
        self.conversations += other.conversations
        self.turns += other.turns
        self.alternatives += other.alternatives
        self.attachments += other.attachments
        self.not_taken.update(other.not_taken)


def submissions_of(
    conversation: Conversation, losses: Losses, terms: Terms
) -> tuple[list[Json], Contents]:
    """Return the submissions that a conversation becomes: one, unless branches are sent.

    Args:
        conversation: The conversation.
        losses: What of its row no field of the conversation holds.
        terms: How it becomes submissions.

    Returns:
        The submissions, of which only the first may have an ingest id, and what they hold.

    Raises:
        RowError: No turn says anything.
        LossyRowError: The conversation loses something that carries meaning.
    """
    turns = conversation.turns
    if all(turn.content == "" and turn.shows_nothing for turn in turns):
        raise RowError("none of its turns has a text")
    fields = dict(_fields(conversation, terms.defaults))
    not_taken, meant = losses.count(_said(turns, fields))
    held = _held(conversation, fields["agent_id"])
    for key in NOT_YET_TAKEN:
        is_sent = key == "turns[].alternatives" and terms.sends_branches
        if held[key] and not is_sent:
            not_taken[key] += held[key]
            if NOT_YET_TAKEN[key]:
                meant.append(key)
    if meant and not terms.is_lossy:
        raise LossyRowError(meant)
    contents = Contents(
        conversations=1,
        turns=len(turns),
        alternatives=held["turns[].alternatives"],
        attachments=held["turns[].attachments"],
        not_taken=not_taken,
    )
    bodies: list[Json] = [{**fields, "conversation": list(map(_turn, turns))}]
    if terms.sends_branches:
        fields.pop("ingest_id", None)
        branches = list(paths(turns))[1:]
        bodies += [{**fields, "conversation": list(map(_turn, branch))} for branch in branches]
        contents.conversations += len(branches)
        contents.turns += sum(map(len, branches))
    return bodies, contents


def _fields(conversation: Conversation, defaults: Defaults) -> Iterator[tuple[str, str]]:
    stated = (
        ("agent_id", conversation.agent_id or defaults.agent_id),
        ("source", conversation.source or defaults.source),
        ("submitter_id", conversation.submitter_id or defaults.submitter_id),
        (ATTRIBUTION_WIRE_KEY, conversation.attribution or defaults.attribution),
        ("ingest_id", conversation.ingest_id),
        ("prompt_template", conversation.prompt_template),
        ("chat_template", conversation.chat_template),
    )
    return ((key, value) for key, value in stated if value)


def _turn(turn: Turn) -> Json:
    content = turn.content
    if content is None and (turn.has_more_than_text or turn.edited_content):
        content = ""
    body = {
        "content": content,
        "role": turn.role,
        "rating": turn.rating,
        "stopped": turn.stopped,
        "edited_content": turn.edited_content,
    }
    return {key: value for key, value in body.items() if value is not None}


def _held(conversation: Conversation, agent_id: str) -> Counter[str]:
    """Return how often a conversation has each field that the service doesn't take."""
    held: Counter[str] = Counter()
    for name in _NOT_YET_TAKEN_OF_CONVERSATIONS:
        if getattr(conversation, name):
            held[name] += 1
    for turn in all_turns(conversation.turns):
        for name in _NOT_YET_TAKEN_OF_TURNS:
            value = getattr(turn, name)
            # The agent's name says which model spoke.
            if value and not (name == "model" and value == agent_id):
                held[f"{_OF_TURNS}{name}"] += len(value) if isinstance(value, list) else 1
    return held


def _said(turns: list[Turn], fields: dict[str, str]) -> set[str]:
    texts = [fields.get("agent_id")]
    for turn in all_turns(turns):
        texts += (turn.content, turn.edited_content, turn.role, turn.name, turn.reasoning)
    return {text.strip() for text in texts if text}
