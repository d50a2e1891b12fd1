"""What submissions and uploads ask, and what they are answered."""

from marshmallow import EXCLUDE, RAISE, Schema, fields, validate


class AcknowledgementSchema(Schema):
    """The submission is durable."""

    ingest_id = fields.String(metadata={"description": "The client's id, or one of ours"})
    contribution_id = fields.UUID(metadata={"description": "With `Prefer: wait` only"})
    snapshot_id = fields.String(metadata={"description": "With `Prefer: wait`, once committed"})


class UploadModeSchema(Schema):
    """What becomes of an upload of which some lines are wrong."""

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
    """How an upload is made repeatable."""

    class Meta:
        """A request has many other headers."""

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
    """Why a line was rejected."""

    line = fields.Integer(metadata={"description": "Its number, from 1; blank lines count"})
    message = fields.String()
    errors = fields.Dict(metadata={"description": "By field, as for a single submission"})


class UploadSchema(Schema):
    """What became of the lines of an upload."""

    accepted = fields.Integer(
        metadata={"description": "Lines that are stored, those included that were stored before"}
    )
    rejected = fields.Integer(metadata={"description": "Lines that are not"})
    errors = fields.List(
        fields.Nested(LineErrorSchema), metadata={"description": "The first 1,000 of these"}
    )
    errors_truncated = fields.Boolean(metadata={"description": "Whether there are more"})
    snapshot_id = fields.String(metadata={"description": "With `Prefer: wait`, once committed"})
