"""Which moment of the lake a request means."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from marshmallow import (
    RAISE,
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from app.query.snapshots import Reference
from catalog.snapshots import MAX_SNAPSHOT_ID

QUERY: Final[dict[str, Any]] = {"location": "query", "unknown": None}
"""Where these values come from; webargs would pass over unknown ones, whatever the schema says."""
SNAPSHOT_ID_PATTERN: Final = "^[0-9]{1,19}$"
MOMENT_PATTERN: Final = "^([0-9]{1,19}|tag:.+|as_of:.+|now)$"


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


class Moment(fields.Field[Reference]):
    """A reference in one word, where there is no room for a parameter of each kind."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Reference:
        kind, _separator, text = str(value).partition(":")
        if value == "now":
            return Reference()
        if kind in {"tag", "as_of"}:
            given = {kind: text}
        elif re.fullmatch(SNAPSHOT_ID_PATTERN, str(value)):
            given = {"snapshot_id": value}
        else:
            raise ValidationError(
                "Not a moment: a snapshot id, tag:NAME, as_of:TIME or now is expected."
            )
        try:
            return Reference(**ReferenceSchema().load(given))
        except ValidationError as error:
            raise ValidationError(error.messages_dict[next(iter(given))]) from None


class OneContributionSchema(ReferenceSchema):
    """Where to look for one contribution."""

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Reference:
        return self.pop_reference(data)
