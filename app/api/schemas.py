"""What requests ask and what answers hold, for validation and for the OpenAPI document."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from marshmallow import (
    EXCLUDE,
    RAISE,
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from app.query.filters import Filters
from app.query.reference import Reference
from catalog.snapshots import MAX_SNAPSHOT_ID

QUERY: Final[dict[str, Any]] = {"location": "query", "unknown": None}
"""Where these values come from; webargs would pass over unknown ones, whatever the schema says."""
SNAPSHOT_ID_PATTERN: Final = "^[0-9]{1,19}$"


class SnapshotId(fields.Field[int]):
    """A snapshot id: digits in JSON and in URLs, since ids exceed what JavaScript counts to."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not (isinstance(value, str) and re.fullmatch(SNAPSHOT_ID_PATTERN, value)):
            raise ValidationError("Not a snapshot id: digits are expected.")
        if int(value) > MAX_SNAPSHOT_ID:
            raise ValidationError("Not a snapshot id: it exceeds 64 bits.")
        return int(value)


def _in_calendar(moment: datetime) -> None:
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValidationError("Lies beyond the calendar in UTC.") from None


class ReferenceSchema(Schema):
    """Which moment of the lake: a snapshot id, a tag or a time; with none of them, now."""

    class Meta:
        """A misspelt parameter would silently select something else."""

        unknown = RAISE

    snapshot_id = SnapshotId(
        metadata={
            "description": "As of this snapshot",
            "type": "string",
            "pattern": SNAPSHOT_ID_PATTERN,
        }
    )
    tag = fields.String(
        validate=validate.Length(min=1, max=255),
        metadata={"description": "As of the snapshot with this tag, such as a release's name"},
    )
    as_of = fields.AwareDateTime(
        format="iso",
        default_timezone=UTC,
        validate=_in_calendar,
        metadata={"description": "As of this time (RFC 3339; UTC when no zone is given)"},
    )

    @validates_schema
    def _one_moment(self, data: dict[str, Any], **_: Any) -> None:
        given = sorted(data.keys() & {"snapshot_id", "tag", "as_of"})
        if len(given) > 1:
            raise ValidationError(f"Give only one of {', '.join(given)}.", given[0])

    @staticmethod
    def pop_reference(data: dict[str, Any]) -> Reference:
        """Take the reference out of the loaded values."""
        names = ("snapshot_id", "tag", "as_of")
        return Reference(**{name: data.pop(name) for name in names if name in data})


class OneContributionSchema(ReferenceSchema):
    """Where to look for one contribution."""

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Reference:
        return self.pop_reference(data)


class SelectionSchema(ReferenceSchema):
    """Which contributions, at which moment."""

    day = fields.Date(metadata={"description": "Received on this day (UTC)"})
    day_from = fields.Date(metadata={"description": "Received on this day or later"})
    day_to = fields.Date(metadata={"description": "Received on this day or earlier"})
    source = fields.String(metadata={"description": "From this source"})
    submitter_id = fields.String(metadata={"description": "By this contributor"})
    agent_id = fields.String(metadata={"description": "With this agent"})
    rating = fields.String(
        validate=validate.OneOf(["positive", "negative"]),
        metadata={"description": "With a turn that is rated so"},
    )
    versions = fields.String(
        load_default="latest",
        validate=validate.OneOf(["latest", "all"]),
        metadata={
            "description": "`latest`: without those that their contributor replaced by the time "
            "of the snapshot; `all`: every one"
        },
    )

    @validates_schema
    def _one_range(self, data: dict[str, Any], **_: Any) -> None:
        if "day" in data and data.keys() & {"day_from", "day_to"}:
            raise ValidationError("Give either day, or day_from and day_to.", "day")

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        reference = self.pop_reference(data)
        paging: dict[str, Any] = {
            name: data.pop(name) for name in ("limit", "cursor") if name in data
        }
        if day := data.pop("day", None):
            data["day_from"] = data["day_to"] = day
        all_versions = data.pop("versions") == "all"
        return {
            "reference": reference,
            "filters": Filters(all_versions=all_versions, **data),
            **paging,
        }


def _limit() -> fields.Integer:
    return fields.Integer(
        strict=False,
        validate=validate.Range(min=1),
        metadata={"description": "Entries in a page, up to the service's max_page_rows"},
    )


def _cursor() -> fields.String:
    return fields.String(
        validate=validate.Length(min=1),
        metadata={"description": "`next_cursor` of the page before, with the same parameters"},
    )


class PagedSelectionSchema(SelectionSchema):
    """A page of contributions, or all of them."""

    limit = _limit()
    cursor = _cursor()


class PagingSchema(Schema):
    """A page of a list."""

    class Meta:
        """A misspelt parameter would silently select something else."""

        unknown = RAISE

    limit = _limit()
    cursor = _cursor()


class SnapshotSchema(Schema):
    """A snapshot of the lake."""

    snapshot_id = fields.String(metadata={"example": "5205699861694616229"})
    sequence_number = fields.Integer(metadata={"description": "Of the commit; it only grows"})
    committed_at = fields.DateTime()
    operation = fields.String(metadata={"example": "append"})
    batch_id = fields.String(allow_none=True, metadata={"description": "The batch it added"})
    added_rows = fields.Integer(metadata={"description": "Contributions it added"})
    total_rows = fields.Integer(
        metadata={"description": "Contributions in the table as of it, all versions"}
    )
    added_files = fields.Integer()
    added_bytes = fields.Integer()


class SnapshotListSchema(Schema):
    """A page of snapshots, newest first."""

    snapshots = fields.List(fields.Nested(SnapshotSchema))
    next_cursor = fields.String(allow_none=True)


class TurnOutSchema(Schema):
    """One message of a conversation."""

    content = fields.String()
    role = fields.String(allow_none=True)
    rating = fields.String(allow_none=True)
    stopped = fields.Boolean()
    edited_content = fields.String(allow_none=True)


class ContributionSchema(Schema):
    """A row of the lake."""

    contribution_id = fields.UUID()
    ingest_id = fields.String()
    received_at = fields.DateTime()
    source = fields.String(allow_none=True)
    submitter_id = fields.String(allow_none=True)
    attribution = fields.String(allow_none=True)
    agent_id = fields.String()
    prompt_template = fields.String(allow_none=True)
    chat_template = fields.String(allow_none=True)
    conversation = fields.List(fields.Nested(TurnOutSchema))
    content_hash = fields.String(metadata={"description": "SHA-256 of the conversation"})
    sequence_number = fields.Integer(metadata={"description": "Of the commit that added the row"})


class ContributionListSchema(Schema):
    """A page of contributions, in the order of receipt."""

    contributions = fields.List(fields.Nested(ContributionSchema))
    snapshot_id = fields.String(allow_none=True, metadata={"description": "Null in an empty lake"})
    next_cursor = fields.String(allow_none=True)


class CountSchema(Schema):
    """How many contributions were selected."""

    count = fields.Integer()
    snapshot_id = fields.String(allow_none=True)


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


class StatusSchema(Schema):
    """The service's answer to a probe."""

    status = fields.String(metadata={"example": "ok"})


class ReleaseFileSchema(Schema):
    """A file of a release."""

    path = fields.String()
    rows = fields.Integer()
    bytes = fields.Integer()
    sha256 = fields.String()


class ReleaseSchema(Schema):
    """The manifest of a release."""

    name = fields.String()
    stage = fields.String()
    snapshot_id = fields.String()
    sequence_number = fields.Integer()
    committed_at = fields.DateTime(metadata={"description": "Time of the snapshot"})
    licence = fields.String(metadata={"description": "SPDX id"})
    rows = fields.Integer()
    file_count = fields.Integer()
    files = fields.List(fields.Nested(ReleaseFileSchema))
    schema = fields.Dict(metadata={"description": "The Iceberg schema of the rows"})
    versions = fields.Dict(metadata={"description": "What it was built with"})


class ReleaseListSchema(Schema):
    """The published releases, by name."""

    releases = fields.List(fields.Nested(ReleaseSchema))
