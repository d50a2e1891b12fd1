"""Counts of contributions and turns by group."""

from typing import Any, Final

from marshmallow import Schema, fields, post_load, validate
from webargs.fields import DelimitedList

from app.api.schemas.reference import SNAPSHOT_ID_EXAMPLE
from app.api.schemas.selection import SelectionSchema
from app.query.counts.dimensions import DIMENSIONS


class StatsQuerySchema(SelectionSchema):
    """The contributions to count, and the dimensions to group them by."""

    by = DelimitedList(
        fields.String(validate=validate.OneOf(DIMENSIONS)),
        load_default=["day"],
        validate=validate.Length(min=1),
        metadata={"description": "Dimensions, with commas between them; several are crossed"},
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        by = list(dict.fromkeys(data.pop("by")))
        return {**super()._make(data), "by": by}


class GroupSchema(Schema):
    """A group: its values of the dimensions that were asked for, and its counts."""

    day = fields.Date(metadata={"description": "Of receipt (UTC)"})
    source = fields.String(allow_none=True)
    agent_id = fields.String()
    contributor_id = fields.String(
        allow_none=True, metadata={"description": "Null for all who are anonymous"}
    )
    rating = fields.String(
        allow_none=True, metadata={"description": "Of turns; null for those without one"}
    )
    model = fields.String(
        allow_none=True, metadata={"description": "Of turns; null for those that name none"}
    )
    contributions = fields.Integer(
        metadata={
            "description": "By rating or model, those with such a turn: one may count several times"
        }
    )
    turns = fields.Integer()


class StatsSchema(Schema):
    """Counts by group, in the order of the dimensions."""

    by = fields.List(fields.String())
    groups = fields.List(fields.Nested(GroupSchema))
    total_groups = fields.Integer()
    truncated = fields.Boolean(
        metadata={"description": "Whether only the service's max_groups largest are told"}
    )
    snapshot_id = fields.String(allow_none=True)


STATS_EXAMPLE: Final = {
    "by": ["day", "source"],
    "groups": [{"day": "2026-11-23", "source": "my-chat-app", "contributions": 812, "turns": 3310}],
    "total_groups": 1,
    "truncated": False,
    "snapshot_id": SNAPSHOT_ID_EXAMPLE,
}
