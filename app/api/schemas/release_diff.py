"""Differences of two releases, as answers have them."""

from typing import Final

from marshmallow import Schema, fields

from app.api.schemas.releases import NAME_PARAMETER

OTHER_NAME_PARAMETER: Final = {**NAME_PARAMETER, "name": "other", "example": "2026-12"}


class ReleaseChangeSchema(Schema):
    """A contribution that differs between two releases."""

    contribution_id = fields.String()
    change = fields.String(metadata={"description": "`added`, `removed` or `changed`"})


class ReleaseDiffSchema(Schema):
    """The differences between two releases."""

    before = fields.String(metadata={"description": "The release to compare from"})
    after = fields.String(metadata={"description": "The release to compare with"})
    before_revision = fields.Integer(metadata={"description": "Revision of `before`"})
    after_revision = fields.Integer(metadata={"description": "Revision of `after`"})
    stage = fields.String()
    added = fields.Integer(metadata={"description": "Contributions in `after` alone"})
    removed = fields.Integer(metadata={"description": "Contributions in `before` alone"})
    changed = fields.Integer(
        metadata={"description": "Contributions in both, with different content"}
    )
    total = fields.Integer(metadata={"description": "The sum of added, removed and changed"})
    rows = fields.List(fields.Nested(ReleaseChangeSchema))
    rows_truncated = fields.Boolean(metadata={"description": "Whether there are more"})


RELEASE_DIFF_EXAMPLE: Final = {
    "before": "2026-11",
    "after": "2026-12",
    "before_revision": 1,
    "after_revision": 2,
    "stage": "curated",
    "added": 1,
    "removed": 0,
    "changed": 0,
    "total": 1,
    "rows": [{"contribution_id": "01a2078f-240f-72b8-af80-7eba2ba52819", "change": "added"}],
    "rows_truncated": False,
}
