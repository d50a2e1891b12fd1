"""Parameters of submissions and uploads, and the answers to them."""

from typing import Any, Final

from marshmallow import EXCLUDE, RAISE, Schema, fields, validate

from app.ingest.contract.ignored import MAX_KEYS
from app.ingest.intake import Receipt

SUBMISSION_EXAMPLE: Final = {
    "agent_id": "mistral-7b-instruct",
    "source": "my-chat-app",
    "conversation": [
        {"role": "user", "content": "Why is the sky blue?"},
        {"role": "assistant", "content": "Rayleigh scattering.", "rating": "positive"},
        {"role": "user", "content": "And is it blue in Bonn today?"},
        {
            "role": "assistant",
            "content": "",
            "model": "mistral-7b-instruct-v0.3",
            "tool_calls": [{"id": "1", "name": "get_weather", "arguments": '{"city": "Bonn"}'}],
        },
        {"role": "tool", "tool_call_id": "1", "name": "get_weather", "content": "overcast, 4 °C"},
        {
            "role": "assistant",
            "content": "No, it is overcast.",
            "created_at": "2026-11-29T08:30:00Z",
            "alternatives": [[{"role": "assistant", "content": "Bonn has a blue sky."}]],
        },
    ],
    "client": {"name": "my-chat-app", "version": "2.1.0"},
}
"""A submission; its schema is `app.ingest.contract.SubmissionSchema`."""


IGNORED: Final = {
    "description": "Keys that the service doesn't know and hasn't stored, each with the keys above "
    f"it; left out without any. At most {MAX_KEYS} are named",
    "example": ["conversation.tokens"],
}


class AcknowledgementSchema(Schema):
    """The answer to a submission that is durable."""

    ingest_id = fields.String(metadata={"description": "The client's id, or a new one"})
    contribution_id = fields.UUID(metadata={"description": "With `Prefer: wait` only"})
    snapshot_id = fields.String(metadata={"description": "With `Prefer: wait`, once committed"})
    owned = fields.Boolean(
        metadata={
            "description": "`false`: it came without a `submitter_id` or contributor key that "
            "nobody can guess, so its sender can never list or withdraw it, and no key claims it "
            "later; left out otherwise"
        }
    )
    ignored = fields.List(fields.String(), metadata=IGNORED)


def acknowledgement(receipt: Receipt, wait_s: int | None) -> dict[str, Any]:
    """Return the answer to a submission that is durable.

    Args:
        receipt: The receipt of the submission.
        wait_s: How long the client waits for the commit, in seconds; None when it doesn't wait.
    """
    answer: dict[str, Any] = {"ingest_id": receipt.ingest_id}
    if wait_s is not None:
        answer["contribution_id"] = receipt.contribution_id
    if not receipt.is_owned:
        answer["owned"] = False
    if receipt.ignored:
        answer["ignored"] = receipt.ignored
    return answer


ACKNOWLEDGEMENT_EXAMPLE: Final = {
    "ingest_id": "01a2078f-240f-72b8-af80-7eba2ba52819",
    "owned": False,
}


class UploadModeSchema(Schema):
    """Whether an upload with wrong lines is stored in part."""

    class Meta:
        """A misspelt parameter would silently store something else."""

        unknown = RAISE

    mode = fields.String(
        load_default="partial",
        validate=validate.OneOf(["partial", "all-or-nothing"]),
        metadata={
            "description": "`partial`: the lines that are right are stored; `all-or-nothing`: none "
            "if one is wrong"
        },
    )


class UploadHeadersSchema(Schema):
    """The header that makes an upload safe to repeat."""

    class Meta:
        """A request has many other headers, which are no mistake."""

        unknown = EXCLUDE

    request_key = fields.String(
        data_key="Idempotency-Key",
        validate=validate.Regexp(
            r"\A[\x21-\x7e]{1,255}\Z", error="Must be 1 to 255 visible ASCII characters."
        ),
        metadata={
            "description": "Made up by the client for this upload, such as a UUID or a digest of "
            "it. Sent again with the same body, the first answer is given again. It belongs to the "
            "whole lake, whoever sends it"
        },
    )


class LineErrorSchema(Schema):
    """The reason for which a line was rejected."""

    line = fields.Integer(metadata={"description": "Its number, from 1; blank lines count"})
    message = fields.String()
    errors = fields.Dict(metadata={"description": "By field, as for a single submission"})


class UploadSchema(Schema):
    """How many lines of an upload are stored, and why the others are not."""

    accepted = fields.Integer(
        metadata={"description": "Lines that are stored, those included that were stored before"}
    )
    rejected = fields.Integer(metadata={"description": "Lines that are not"})
    errors = fields.List(
        fields.Nested(LineErrorSchema), metadata={"description": "The first 1,000 rejected lines"}
    )
    errors_truncated = fields.Boolean(metadata={"description": "Whether there are more"})
    repeated = fields.Integer(
        metadata={
            "description": "Accepted lines that were stored before, or that the upload has more "
            "than once; left out without any"
        }
    )
    unowned = fields.Integer(
        metadata={
            "description": "Accepted lines without a `submitter_id` or contributor key that nobody "
            "can guess, which their senders can never list or withdraw; left out without any"
        }
    )
    ignored = fields.List(fields.String(), metadata=IGNORED)
    snapshot_id = fields.String(metadata={"description": "With `Prefer: wait`, once committed"})


UPLOAD_EXAMPLE: Final = {
    "accepted": 1999,
    "rejected": 1,
    "errors": [
        {
            "line": 17,
            "message": "the submission doesn't fit the schema",
            "errors": {"agent_id": ["Missing data for required field."]},
        }
    ],
    "errors_truncated": False,
}
