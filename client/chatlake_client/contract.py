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
    count_alternatives,
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
    for key, occurrences in _not_yet_taken(conversation, fields["agent_id"]):
        if key == "turns[].alternatives" and terms.sends_branches:
            continue
        not_taken[key] += occurrences
        if NOT_YET_TAKEN[key]:
            meant.append(key)
    if meant and not terms.is_lossy:
        raise LossyRowError(meant)
    contents = Contents(
        conversations=1,
        turns=len(turns),
        alternatives=count_alternatives(turns),
        attachments=sum(len(turn.attachments) for turn in all_turns(turns)),
        not_taken=not_taken,
    )
    bodies = [{**fields, "conversation": list(map(_turn, turns))}]
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


def _not_yet_taken(conversation: Conversation, agent_id: str) -> Iterator[tuple[str, int]]:
    """Yield the fields that a conversation has and the service doesn't take, with their numbers."""
    for key in NOT_YET_TAKEN:
        _, is_of_turns, name = key.rpartition("turns[].")
        owners = all_turns(conversation.turns) if is_of_turns else [conversation]
        values = [
            value for owner in owners if (value := getattr(owner, name)) not in (None, [], {})
        ]
        if key == "turns[].model":
            # The agent's name says it.
            values = [model for model in values if model != agent_id]
        if values:
            yield key, sum(len(value) if isinstance(value, list) else 1 for value in values)


def _said(turns: list[Turn], fields: dict[str, str]) -> set[str]:
    texts = [fields.get("agent_id")]
    for turn in all_turns(turns):
        texts += (turn.content, turn.edited_content, turn.role, turn.name, turn.reasoning)
    return {text.strip() for text in texts if text}
