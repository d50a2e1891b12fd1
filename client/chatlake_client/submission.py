"""The submissions of chat clients, and the receipts and reports about them."""

import dataclasses
import json
import uuid
from collections.abc import Mapping, Sequence, Sized
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, Self

from chatlake_client import jsontext
from chatlake_client.contract import ATTRIBUTION_WIRE_KEY
from chatlake_client.conversation import Application
from chatlake_client.records import Json

JSON_TEXTS: Final = frozenset({"tools", "arguments"})
"""Fields that are sent as JSON in a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of a tool that a model made.

    Attributes:
        name: The tool.
        arguments: The arguments: an object, or its JSON text, which is kept to the byte.
        id: The id that the turn with the tool's answer names in its `tool_call_id`; None when there
            is none.
    """

    name: str
    arguments: str | Mapping[str, Any] | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A description of a file that came with a message. The file itself isn't sent.

    Attributes:
        kind: What it is, such as `image`, `audio`, `video` or `file`.
        media_type: The media type, such as `image/png`; None when that isn't known.
        name: The file's name; None when it has none.
        bytes: The file's size; None when that isn't known.
        sha256: The SHA-256 of the file in small hexadecimal digits; None when that isn't known.
        text: An alternative text, a transcript, or the text that was read from the file.
    """

    kind: str
    media_type: str | None = None
    name: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation.

    Attributes:
        content: The text, which is stored to the byte; empty where there are only calls of tools or
            attachments.
        role: Who speaks, in the chat client's own word, such as `user`; None when that isn't known.
        rating: The contributor's judgement of the message; None when there is none.
        stopped: Whether the contributor stopped the model in this message.
        edited_content: What the contributor would rather have read; None when nothing was edited.
        reasoning: What the model thought before it wrote the text; None when that isn't known.
        tool_calls: The calls of tools that the model made in this message.
        tool_call_id: The id of the call that this message answers.
        name: The name of the tool or of the speaker.
        model: The model that wrote this message, where a conversation has several.
        created_at: When the message was written, by the chat client's clock, with a time zone.
        attachments: Descriptions of the files that came with the message.
        alternatives: What else stood in the place of this message and all after it, such as a
            regenerated answer: lists of messages, best first, without alternatives of their own.
    """

    content: str = ""
    _: KW_ONLY
    role: str | None = None
    rating: Literal["positive", "negative"] | None = None
    stopped: bool = False
    edited_content: str | None = None
    reasoning: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str | None = None
    name: str | None = None
    model: str | None = None
    created_at: datetime | None = None
    attachments: Sequence[Attachment] = ()
    alternatives: Sequence[Sequence["Turn"]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One conversation, as it is submitted.

    Attributes:
        agent_id: The model or agent that the conversation was held with.
        conversation: The turns in their order, at least one.
        source: Where the conversation comes from, such as the chat client's name.
        submitter_id: A stable pseudonym of the contributor; None submits anonymously.
        ingest_id: The chat client's own id of the conversation. Another conversation with the same
            `submitter_id` and `ingest_id` becomes a new version of this one. None lets the client
            make up an id, so that nothing else is a version of this conversation.
        attribution: The name to credit; None credits nobody.
        prompt_template: The prompt template in use; None when that isn't known.
        chat_template: The chat template in use; None when that isn't known.
        created_at: When the conversation began, by the chat client's clock, with a time zone.
        title: The conversation's title; None when it has none.
        client: The name and version of the chat client; None when they aren't told.
        licence: The SPDX id of this conversation's licence, where its contributor states one.
        tools: The definitions of the tools that were offered to the model: a list of objects, or
            its JSON text, which is kept to the byte.
        labels: What else the chat client knows of the conversation: at most 32 texts by key.
        terms_version: The version of the lake's terms that the contributor agrees to. Lakes that
            require terms reject submissions without it.
    """

    agent_id: str
    conversation: Sequence[Turn]
    source: str | None = None
    submitter_id: str | None = None
    ingest_id: str | None = None
    attribution: str | None = None
    prompt_template: str | None = None
    chat_template: str | None = None
    created_at: datetime | None = None
    title: str | None = None
    client: Application | None = None
    licence: str | None = None
    tools: str | Sequence[Mapping[str, Any]] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    terms_version: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A submission is in the queue.

    Attributes:
        ingest_id: The submission's own id, or the one that was made up for it.
    """

    ingest_id: str


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """The submissions of one `submit_many`, counted by what became of them.

    Attributes:
        accepted: How many the service has stored.
        rejected: How many the service has rejected; `Client.rejected` lists them.
        queued: How many still wait in the queue, because the time was over.
    """

    accepted: int
    rejected: int
    queued: int


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The state of the queue and of its delivery.

    Attributes:
        queued: How many submissions wait to be delivered.
        rejected: How many rejected submissions the queue keeps.
        size_bytes: The size of all these submissions together.
        failures: How many attempts of this process to deliver have failed since the last success.
        last_failure: Why the newest of these attempts failed; None when none has.
    """

    queued: int
    rejected: int
    size_bytes: int
    failures: int
    last_failure: str | None


@dataclass(frozen=True, slots=True)
class RejectedSubmission:
    """A submission that the service refused to store, with the reason.

    Attributes:
        queue_id: The submission's number in its queue.
        submission: The submission, with the ingest id that it was sent under.
        status: The HTTP status that the service answered with.
        message: The service's reason, in one sentence.
        errors: The service's messages by field; empty when it names no field.
    """

    queue_id: int
    submission: Submission
    status: int
    message: str
    errors: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        queue_id: int,
        body: bytes,
        status: int | None,
        message: str,
        errors: Mapping[str, Any],
    ) -> Self:
        """Return the record of a submission from the JSON that was sent for it."""
        return cls(queue_id, submission_of_body(json.loads(body)), status or 0, message, errors)


def body_of_submission(submission: Submission) -> Json:
    """Return the JSON object that is sent for a submission; it always has an `ingest_id`.

    Raises:
        ValueError: A time has no time zone.
    """
    body = _body(submission)
    body.setdefault("ingest_id", str(uuid.uuid4()))
    if "attribution" in body:
        body[ATTRIBUTION_WIRE_KEY] = body.pop("attribution")
    return body


def submission_of_body(body: Mapping[str, Any]) -> Submission:
    """Return the submission that a JSON object of `body_of_submission` stands for."""
    fields = dict(body)
    attribution = fields.pop(ATTRIBUTION_WIRE_KEY, None)
    turns = tuple(map(_turn_of, fields.pop("conversation")))
    if client := fields.pop("client", None):
        fields["client"] = Application(**client)
    return Submission(conversation=turns, attribution=attribution, **_with_time(fields))


def _body(record: object) -> Json:
    """Return the JSON object of a record: its fields by name, without those that say nothing."""
    values = {
        field.name: getattr(record, field.name)
        for field in dataclasses.fields(record)  # type: ignore[arg-type]
    }
    return {
        name: _value(value, is_text=name in JSON_TEXTS)
        for name, value in values.items()
        if name == "content" or not _says_nothing(value)
    }


def _says_nothing(value: object) -> bool:
    return value is None or value is False or (isinstance(value, Sized) and not len(value))


def _value(value: object, *, is_text: bool) -> object:
    if isinstance(value, datetime):
        return _time_text(value)
    if is_text and not isinstance(value, str):
        return jsontext.dump(value).decode()
    if dataclasses.is_dataclass(value):
        return _body(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_value(item, is_text=False) for item in value]
    return value


def _time_text(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError(f"the time {time.isoformat()} has no time zone")
    return time.isoformat()


def _turn_of(body: Mapping[str, Any]) -> Turn:
    fields = _with_time(body)
    for name, record in (("tool_calls", ToolCall), ("attachments", Attachment)):
        fields[name] = tuple(record(**item) for item in fields.get(name, ()))
    fields["alternatives"] = tuple(
        tuple(map(_turn_of, turns)) for turns in fields.get("alternatives", ())
    )
    return Turn(**fields)


def _with_time(body: Mapping[str, Any]) -> dict[str, Any]:
    created_at = body.get("created_at")
    time = {"created_at": datetime.fromisoformat(created_at)} if created_at else {}
    return {**body, **time}
