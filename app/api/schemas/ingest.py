"""Parameters of submissions and uploads, and the answers to them."""

from typing import Final

from marshmallow import EXCLUDE, RAISE, Schema, fields, validate

SUBMISSION_EXAMPLE: Final = {
    "agent_id": "mistral-7b-instruct",
    "source": "my-chat-app",
    "conversation": [
        {"role": "user", "content": "Why is the sky blue?"},
        {"role": "assistant", "content": "Rayleigh scattering.", "rating": "positive"},
    ],
}
"""A submission; its schema is `app.ingest.contract.SubmissionSchema`."""


class AcknowledgementSchema(Schema):
    """The answer to a submission that is durable."""

    ingest_id = fields.String(metadata={"description": "The client's id, or a new one"})
    contribution_id = fields.UUID(metadata={"description": "With `Prefer: wait` only"})
    snapshot_id = fields.String(metadata={"description": "With `Prefer: wait`, once committed"})


ACKNOWLEDGEMENT_EXAMPLE: Final = {"ingest_id": "01a2078f-240f-72b8-af80-7eba2ba52819"}


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
