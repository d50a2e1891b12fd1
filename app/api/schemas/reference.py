"""Parameters that name a moment of the lake."""

import re
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

from app.api.schemas.times import time_field
from app.query.snapshots import Reference
from catalog.snapshots import MAX_SNAPSHOT_ID

QUERY: Final[dict[str, Any]] = {"location": "query", "unknown": None}
"""Options for webargs: read the query, and leave unknown parameters to the schema's own rule."""
SNAPSHOT_ID_PATTERN: Final = "^[0-9]{1,19}$"
MOMENT_PATTERN: Final = "^([0-9]{1,19}|tag:.+|as_of:.+|now)$"
SNAPSHOT_ID_EXAMPLE: Final = "5205699861694616229"


class SnapshotId(fields.Field[int]):
    """A snapshot id, as a string of digits: JavaScript's numbers are too short for it."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not (isinstance(value, str) and re.fullmatch(SNAPSHOT_ID_PATTERN, value)):
            raise ValidationError("Not a snapshot id: digits are expected.")
        if int(value) > MAX_SNAPSHOT_ID:
            raise ValidationError("Not a snapshot id: it exceeds 64 bits.")
        return int(value)


class ReferenceSchema(Schema):
    """A moment of the lake, by a snapshot id, a tag or a time; now when none of them is given."""

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
    as_of = time_field("As of this time")

    @validates_schema
    def _one_moment(self, data: dict[str, Any], **_: Any) -> None:
        given = sorted(data.keys() & {"snapshot_id", "tag", "as_of"})
        if len(given) > 1:
            raise ValidationError(f"Give only one of {', '.join(given)}.", given[0])

    @staticmethod
    def pop_reference(data: dict[str, Any]) -> Reference:
        """Remove the parameters of a moment from the loaded values, and return the reference."""
        names = ("snapshot_id", "tag", "as_of")
        return Reference(**{name: data.pop(name) for name in names if name in data})


class Moment(fields.Field[Reference]):
    """A reference as one string, for paths and for parameters such as `since`."""

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


def moment_in_path(name: str, example: str) -> dict[str, Any]:
    """Return the OpenAPI parameter of a path that names a moment, as `Moment` reads it."""
    return {
        "in": "path",
        "name": name,
        "description": "A snapshot id, `tag:…`, `as_of:…` (RFC 3339) or `now`",
        "schema": {"type": "string", "pattern": MOMENT_PATTERN},
        "example": example,
    }


class OneContributionSchema(ReferenceSchema):
    """The moment at which one contribution is read."""

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Reference:
        return self.pop_reference(data)
