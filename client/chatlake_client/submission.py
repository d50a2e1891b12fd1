"""The submissions of chat clients, and the receipts and reports about them."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, Self

from chatlake_client.contract import ATTRIBUTION_WIRE_KEY
from chatlake_client.records import Json


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation.

    Attributes:
        content: The text, which is stored to the byte.
        role: Who speaks, in the chat client's own word, such as `user`; None when that isn't known.
        rating: The contributor's judgement of the message; None when there is none.
        stopped: Whether the contributor stopped the model in this message.
        edited_content: What the contributor would rather have read; None when nothing was edited.
    """

    content: str
    _: KW_ONLY
    role: str | None = None
    rating: Literal["positive", "negative"] | None = None
    stopped: bool = False
    edited_content: str | None = None


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
    """

    agent_id: str
    conversation: Sequence[Turn]
    source: str | None = None
    submitter_id: str | None = None
    ingest_id: str | None = None
    attribution: str | None = None
    prompt_template: str | None = None
    chat_template: str | None = None


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
    """Return the JSON object that is sent for a submission; it always has an `ingest_id`."""
    fields: Json = {
        "agent_id": submission.agent_id,
        "ingest_id": submission.ingest_id or str(uuid.uuid4()),
        "source": submission.source,
        "submitter_id": submission.submitter_id,
        ATTRIBUTION_WIRE_KEY: submission.attribution,
        "prompt_template": submission.prompt_template,
        "chat_template": submission.chat_template,
    }
    turns = [_body_of_turn(turn) for turn in submission.conversation]
    return {**_stated(fields), "conversation": turns}


def submission_of_body(body: Mapping[str, Any]) -> Submission:
    """Return the submission that a JSON object of `body_of_submission` stands for."""
    fields = dict(body)
    attribution = fields.pop(ATTRIBUTION_WIRE_KEY, None)
    turns = tuple(Turn(**turn) for turn in fields.pop("conversation"))
    return Submission(conversation=turns, attribution=attribution, **fields)


def _body_of_turn(turn: Turn) -> Json:
    fields: Json = {
        "content": turn.content,
        "role": turn.role,
        "rating": turn.rating,
        "stopped": turn.stopped or None,
        "edited_content": turn.edited_content,
    }
    return _stated(fields)


def _stated(fields: Json) -> Json:
    return {key: value for key, value in fields.items() if value is not None}
