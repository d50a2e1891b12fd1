"""Turns conversations into what the service takes.

What the service has no field for goes elsewhere: alternatives of alternatives become further
alternatives, ranks become the order of alternatives, a preference becomes two labels, and the
reference of a file becomes its name where it has no other.
"""

from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from chatlake_client.conversation import (
    Attachment,
    Conversation,
    NotTaken,
    ToolCall,
    Turn,
    all_turns,
    flat_alternatives,
    paths,
)
from chatlake_client.errors import LossyRowError, RowError
from chatlake_client.records import Json
from chatlake_client.shapes.fields import Losses

# The name to credit travels under the key that the GPT4All desktop client gave it.
ATTRIBUTION_WIRE_KEY: Final = "network/attribution"
MAX_LABELS: Final = 32
"""How many labels the service takes."""
MAX_NAME_CHARACTERS: Final = 512
"""How long a name may be that the service takes."""
_OTHER_FIELDS: Final = (
    "rating",
    "stopped",
    "edited_content",
    "reasoning",
    "tool_call_id",
    "name",
    "model",
    "created_at",
)
"""What a turn may state beside its speaker and its text."""
_NO_OTHERS: Final = (None,) * len(_OTHER_FIELDS)
_others_of_turn: Final = attrgetter(*_OTHER_FIELDS)


@dataclass(frozen=True, slots=True)
class Defaults:
    """The fields of submissions whose rows don't state them.

    Attributes:
        agent_id: The agent that the conversations were held with. The service requires one.
        source: Where the conversations come from; None when that isn't known.
        submitter_id: Who sends the conversations; None sends them anonymously.
        attribution: The name to credit; None credits nobody.
        terms_version: The version of the lake's terms that the sender agrees to; None states none.
    """

    agent_id: str | None = "unknown"
    source: str | None = None
    submitter_id: str | None = None
    attribution: str | None = None
    terms_version: str | None = None


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
        without_agent: How many conversations don't state the agent, so that the default is sent.
        not_taken: How often each key wasn't taken.
    """

    conversations: int = 0
    turns: int = 0
    alternatives: int = 0
    attachments: int = 0
    without_agent: int = 0
    not_taken: NotTaken = field(default_factory=Counter)

    def add(self, other: "Contents") -> None:
        """Count what others hold, too."""
        self.conversations += other.conversations
        self.turns += other.turns
        self.alternatives += other.alternatives
        self.attachments += other.attachments
        self.without_agent += other.without_agent
        self.not_taken.update(other.not_taken)


def submissions_of(
    conversation: Conversation, losses: Losses, terms: Terms
) -> list[tuple[Json, Contents]]:
    """Return the submissions that a conversation becomes: one, unless branches are sent.

    Args:
        conversation: The conversation.
        losses: What of its row no field of the conversation holds.
        terms: How it becomes submissions.

    Returns:
        The submissions, of which only the first may have an ingest id, each with what it holds.

    Raises:
        RowError: No turn says anything.
        LossyRowError: The conversation loses something that carries meaning.
    """
    turns = conversation.turns
    agent_id = conversation.agent_id or terms.defaults.agent_id
    not_taken, meant = losses.count(lambda: _said(turns, agent_id))
    if meant and not terms.is_lossy:
        raise LossyRowError(meant)
    if not turns[0].content and all(turn.content == "" and turn.shows_nothing for turn in turns):
        raise RowError("none of its turns has a text")
    without_agent = int(conversation.agent_id is None)
    contents = Contents(1, len(turns), without_agent=without_agent, not_taken=not_taken)
    fields = _fields(conversation, terms.defaults, contents)
    body: Json = {**fields, "conversation": [_turn(turn, contents) for turn in turns]}
    submissions = [(body, contents)]
    if terms.sends_branches:
        fields.pop("ingest_id", None)
        for branch in list(paths(turns))[1:]:
            # The first submission has the alternatives.
            body = {**fields, "conversation": list(map(_turn_alone, branch))}
            submissions.append((body, Contents(1, len(branch), without_agent=without_agent)))
    return submissions


def _fields(conversation: Conversation, defaults: Defaults, contents: Contents) -> Json:
    client = conversation.client
    stated = (
        ("agent_id", conversation.agent_id or defaults.agent_id),
        ("source", conversation.source or defaults.source),
        ("submitter_id", conversation.submitter_id or defaults.submitter_id),
        (ATTRIBUTION_WIRE_KEY, conversation.attribution or defaults.attribution),
        ("ingest_id", conversation.ingest_id),
        ("prompt_template", conversation.prompt_template),
        ("chat_template", conversation.chat_template),
        ("created_at", conversation.created_at),
        ("title", conversation.title),
        ("client", client and _stated({"name": client.name, "version": client.version})),
        ("licence", conversation.licence),
        ("tools", conversation.tools),
        ("labels", _labels(conversation, contents)),
        ("terms_version", defaults.terms_version),
    )
    return {key: value for key, value in stated if value}


def _labels(conversation: Conversation, contents: Contents) -> dict[str, str]:
    labels = conversation.labels
    if preference := conversation.preference:
        compared = {"preference": preference.kind, "preferred": preference.preferred}
        labels = compared | {key: text for key, text in labels.items() if key not in compared}
    if len(labels) <= MAX_LABELS:
        return labels
    for key in list(labels)[MAX_LABELS:]:
        contents.not_taken[key] += 1
    return dict(list(labels.items())[:MAX_LABELS])


def _turn(turn: Turn, contents: Contents) -> Json:
    body = _turn_alone(turn)
    if not (turn.alternatives or turn.attachments):
        return body
    alternatives = flat_alternatives(turn)
    if alternatives:
        body["alternatives"] = [list(map(_turn_alone, path)) for path in alternatives]
        contents.alternatives += len(alternatives)
    for said in all_turns([turn]):
        for attachment in said.attachments:
            contents.attachments += 1
            if attachment.ref and attachment.ref != _name(attachment):
                contents.not_taken["turns[].attachments[].ref"] += 1
    return body


def _turn_alone(turn: Turn) -> Json:
    """Return what is sent of a turn, without its alternatives."""
    content = turn.content
    if content is None and (turn.has_more_than_text or turn.edited_content):
        content = ""
    body: Json = {} if content is None else {"content": content}
    if turn.role is not None:
        body["role"] = turn.role
    others = _others_of_turn(turn)
    if others != _NO_OTHERS:
        body.update(pair for pair in zip(_OTHER_FIELDS, others, strict=True) if pair[1] is not None)
    if turn.tool_calls:
        body["tool_calls"] = list(map(_tool_call, turn.tool_calls))
    if turn.attachments:
        body["attachments"] = list(map(_attachment, turn.attachments))
    return body


def _tool_call(call: ToolCall) -> Json:
    return _stated({"id": call.id, "name": call.name, "arguments": call.arguments})


def _attachment(attachment: Attachment) -> Json:
    return _stated(
        {
            "kind": attachment.kind,
            "media_type": attachment.media_type,
            "name": _name(attachment),
            "bytes": attachment.bytes,
            "sha256": attachment.sha256,
            "text": attachment.text,
        }
    )


def _name(attachment: Attachment) -> str | None:
    """Return the name of a file; without one its address, or its id at the end of a reference.

    The query of an address is left out, since it may be somebody's permission to read the file. So
    are the folders of a path, since applications name them by accounts.
    """
    if attachment.name or not attachment.ref:
        return attachment.name
    name = attachment.ref.partition("?")[0].partition("#")[0]
    if not name.startswith(("http://", "https://")):
        name = name.rstrip("/").rpartition("/")[-1]
    return name if name.isprintable() and len(name) <= MAX_NAME_CHARACTERS else None


def _stated(fields: Json) -> Json:
    return {key: value for key, value in fields.items() if value is not None}


def _said(turns: list[Turn], agent_id: str | None) -> set[str]:
    texts = [agent_id]
    for turn in all_turns(turns):
        texts += (turn.content, turn.edited_content, turn.role, turn.name, turn.reasoning)
    return {text.strip() for text in texts if text}
