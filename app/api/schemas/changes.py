"""Contributions that were added to the lake since a moment, and the parameters to ask for them."""

from typing import Final

from marshmallow import Schema, fields

from app.api.schemas.contributions import CONTRIBUTION_EXAMPLE, ContributionSchema
from app.api.schemas.reference import MOMENT_PATTERN, SNAPSHOT_ID_EXAMPLE, Moment
from app.api.schemas.selection import PagedReferenceSchema


class ChangesQuerySchema(PagedReferenceSchema):
    """Where to begin, and up to which moment of the lake to read."""

    since = Moment(
        metadata={
            "description": "Added after this moment: a snapshot id, `tag:…`, `as_of:…` or `now`; "
            "from the beginning when it is absent. A cursor takes its place",
            "type": "string",
            "pattern": MOMENT_PATTERN,
        }
    )


class ChangesSchema(Schema):
    """Contributions in the order in which they were added."""

    contributions = fields.List(fields.Nested(ContributionSchema))
    taken_down = fields.List(
        fields.UUID(),
        metadata={
            "description": "The contribution_ids to delete, after the contributions were stored"
        },
    )
    snapshot_id = fields.String(
        allow_none=True, metadata={"description": "Up to which changes were read"}
    )
    next_cursor = fields.String(
        allow_none=True,
        metadata={"description": "Where to go on, now or later; null in an empty lake"},
    )
    more = fields.Boolean(metadata={"description": "Whether there is more now"})


CHANGES_EXAMPLE: Final = {
    "contributions": [CONTRIBUTION_EXAMPLE],
    "taken_down": ["01a2078f-240f-72b8-af80-7eba2ba52819"],
    "snapshot_id": SNAPSHOT_ID_EXAMPLE,
    "next_cursor": "NTIwNTY5OTg2MTY5NDYxNjIyOTozOg==",
    "more": False,
}
