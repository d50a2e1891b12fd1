"""Takedowns, as requests and answers have them."""

from datetime import UTC
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from app.access.takedowns.records import TAKEDOWN_KINDS
from app.api.schemas.paging import PagingSchema
from app.api.schemas.times import time_field
from app.ingest.contract import Text

MAX_REASON_CHARACTERS: Final = 1_000
MAX_IDS: Final = 1_000
"""Ids that one request may name."""
STATES: Final = ("erasing", "erased")

_ID: Final = "01a2078f-240f-72b8-af80-7eba2ba52819"
_AT: Final = "2026-11-29T21:04:05.119000+00:00"


class TakedownRequestSchema(Schema):
    """What is to be taken down, and why."""

    class Meta:
        """A misspelt key would silently do something else."""

        unknown = RAISE

    kind = fields.String(
        required=True,
        validate=validate.OneOf(TAKEDOWN_KINDS),
        metadata={
            "description": "Whether `ids` are contribution_ids, conversation_ids or contributor_ids"
        },
    )
    ids = fields.List(
        Text(required=True, validate=validate.Length(min=1, max=64)),
        required=True,
        validate=validate.Length(min=1, max=MAX_IDS),
    )
    reason = Text(
        required=True,
        validate=validate.Length(min=1, max=MAX_REASON_CHARACTERS),
        metadata={"description": "Why; only operators see it. Don't quote what is taken down"},
    )

    @validates_schema
    def _each_once(self, data: dict[str, Any], **_: Any) -> None:
        if len(set(data["ids"])) < len(data["ids"]):
            raise ValidationError("Names an id twice.", "ids")


TAKEDOWN_REQUEST_EXAMPLE: Final = {
    "kind": "contribution",
    "ids": [_ID],
    "reason": "somebody else's address",
}


class TakedownSchema(Schema):
    """A takedown."""

    takedown_id = fields.Integer()
    kind = fields.String(validate=validate.OneOf(TAKEDOWN_KINDS))
    identifier = fields.String(
        metadata={"description": "The contribution_id, conversation_id or contributor_id"}
    )
    state = fields.String(
        validate=validate.OneOf(STATES),
        metadata={"description": "Nobody sees it from `erasing` on; no file has it once `erased`"},
    )
    requested_at = fields.AwareDateTime(default_timezone=UTC)
    erased_at = fields.AwareDateTime(default_timezone=UTC, allow_none=True)


TAKEDOWN_EXAMPLE: Final = {
    "takedown_id": 7,
    "kind": "contribution",
    "identifier": _ID,
    "state": "erasing",
    "requested_at": _AT,
    "erased_at": None,
}


class TakedownListSchema(Schema):
    """The takedowns that were recorded."""

    takedowns = fields.List(fields.Nested(TakedownSchema))


TAKEDOWN_LIST_EXAMPLE: Final = {"takedowns": [TAKEDOWN_EXAMPLE]}


class FeedQuerySchema(PagingSchema):
    """Where to begin, and how many entries to return."""

    since = time_field(
        "Taken down at this time or later; from the beginning when it is absent. A cursor takes "
        "its place"
    )


class FeedEntrySchema(Schema):
    """A contribution that was taken down."""

    contribution_id = fields.UUID()
    taken_down_at = fields.AwareDateTime(default_timezone=UTC)


class FeedSchema(Schema):
    """What was taken down, in order."""

    taken_down = fields.List(fields.Nested(FeedEntrySchema))
    next_cursor = fields.String(metadata={"description": "Where to go on, now or later"})
    more = fields.Boolean(metadata={"description": "Whether there is more now"})


FEED_EXAMPLE: Final = {
    "taken_down": [{"contribution_id": _ID, "taken_down_at": _AT}],
    "next_cursor": "NzowMWEyMDc4Zi0yNDBmLTcyYjgtYWY4MC03ZWJhMmJhNTI4MTk=",
    "more": False,
}
