"""A conversation as an importer understands it, between the shapes of files and the service.

The names are those of the service's contract. What it has no field for (the rank of a turn, the
reference of an attachment, alternatives of alternatives, a preference) `contract` puts elsewhere.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Application:
    """The application that a conversation was held in, or that logged it.

    Attributes:
        name: The name, such as `Open WebUI`.
        version: The version; None when the source doesn't say.
    """

    name: str
    version: str | None = None


@dataclass(slots=True)
class ToolCall:
    """A call that a model made.

    Attributes:
        name: The tool's name.
        arguments: The arguments as JSON text, or as the text that the source has.
        id: The name that the tool's answer refers to; None when the source has none.
    """

    name: str
    arguments: str
    id: str | None = None


@dataclass(slots=True)
class Attachment:
    """Describes what came with a turn. The bytes themselves aren't kept.

    Attributes:
        kind: One of image, audio, video, file.
        media_type: The media type, as the source states it.
        name: The file's name.
        bytes: The file's size.
        sha256: The digest of the bytes in hex, where the source holds them.
        text: What an application extracted from the file.
        ref: Where the source says that the file is: a URL, an id, a name.
    """

    kind: str
    media_type: str | None = None
    name: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    text: str | None = None
    ref: str | None = None


@dataclass(slots=True)
class Turn:
    """One turn of a conversation.

    Attributes:
        role: Who speaks: system, user, assistant, tool, or the source's word for it.
        content: The text; None when there is none.
        reasoning: What the model thought before.
        tool_calls: The calls that the model made in this turn.
        tool_call_id: The id of the call that this turn answers.
        name: The name of the tool or of the speaker.
        model: The model that spoke.
        created_at: The time in RFC 3339, in UTC.
        rating: positive or negative.
        stopped: Whether the turn broke off before its end.
        edited_content: The text as its reader improved it.
        rank: The place among its siblings by people's preference; 0 is the best.
        attachments: What came with the turn.
        alternatives: What else stood in the place of this turn and all after it: lists of turns,
            which may have alternatives of their own.
    """

    role: str | None = None
    content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)
    tool_call_id: str | None = None
    name: str | None = None
    model: str | None = None
    created_at: str | None = None
    rating: str | None = None
    stopped: bool | None = None
    edited_content: str | None = None
    rank: int | None = None
    attachments: list[Attachment] = field(default_factory=list)
    alternatives: list[list["Turn"]] = field(default_factory=list)

    @property
    def shows_nothing(self) -> bool:
        """Whether the turn has neither a text nor anything else that a reader would see."""
        return not (self.content or self.edited_content or self.has_more_than_text)

    @property
    def has_more_than_text(self) -> bool:
        """Whether the turn makes sense without a text."""
        return bool(self.reasoning or self.tool_calls or self.attachments)


@dataclass(frozen=True, slots=True)
class Preference:
    """How the main path of a conversation compares with the alternatives.

    Attributes:
        kind: pair or ranking.
        preferred: main (the main path is the better one), tie or neither.
    """

    kind: str = "pair"
    preferred: str = "main"


@dataclass(slots=True)
class Conversation:
    """A conversation and what its source says about it.

    Attributes:
        turns: The main path: what the source itself would show.
        agent_id: The model or agent; None when the source doesn't say.
        ingest_id: The id under which the source knows the conversation.
        source: Where the conversation comes from, if the file states it.
        submitter_id: Who contributes it, if the file states it.
        attribution: The name to credit, if the file states it.
        prompt_template: The template of prompts.
        chat_template: The template of chats.
        created_at: The time of the beginning in RFC 3339, in UTC.
        title: The title.
        tools: The tools that were offered, as JSON text.
        client: The application.
        licence: The SPDX id of the licence.
        labels: Short texts that the source states and no other field holds, by the source's key.
        preference: How the alternatives compare; None when nobody compared them.
    """

    turns: list[Turn]
    agent_id: str | None = None
    ingest_id: str | None = None
    source: str | None = None
    submitter_id: str | None = None
    attribution: str | None = None
    prompt_template: str | None = None
    chat_template: str | None = None
    created_at: str | None = None
    title: str | None = None
    tools: str | None = None
    client: Application | None = None
    licence: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    preference: Preference | None = None


def flat_alternatives(turn: Turn) -> list[list[Turn]]:
    """Return each continuation from the place of a turn as a list without forks, best first.

    A continuation that forks comes once for each of its ends. Those without ranks keep the order
    of the source, behind those with ranks.
    """
    flat = [path for continuation in turn.alternatives for path in paths(continuation)]
    return sorted(flat, key=_ranks)


def _ranks(path: list[Turn]) -> list[float]:
    return [turn.rank for turn in path if turn.rank is not None] or [math.inf]


def paths(turns: list[Turn]) -> Iterator[list[Turn]]:
    """Yield the turns themselves first, and then every other path through their alternatives."""
    yield turns
    for place, turn in enumerate(turns):
        for other in flat_alternatives(turn):
            yield turns[:place] + other


def all_turns(turns: list[Turn]) -> Iterator[Turn]:
    """Yield every turn once, those of alternatives included."""
    waiting = list(reversed(turns))
    while waiting:
        turn = waiting.pop()
        yield turn
        for continuation in turn.alternatives:
            waiting.extend(reversed(continuation))


def last_model(turns: list[Turn]) -> str | None:
    """Return the model of the last turn that names one."""
    return next((turn.model for turn in reversed(turns) if turn.model), None)


NotTaken = Counter[str]
"""How often each key was not taken."""
