"""Snapshots and their differences, as answers have them."""

from typing import Final

from marshmallow import RAISE, Schema, fields, validate

from app.api.schemas.paging import limit_field
from app.api.schemas.reference import SNAPSHOT_ID_EXAMPLE, Moment, moment_in_path


class SnapshotSchema(Schema):
    """A snapshot of the lake."""

    snapshot_id = fields.String(metadata={"example": SNAPSHOT_ID_EXAMPLE})
    sequence_number = fields.Integer(metadata={"description": "Of the commit; it only grows"})
    committed_at = fields.DateTime()
    operation = fields.String(metadata={"example": "append"})
    batch_id = fields.String(
        allow_none=True, metadata={"description": "The batch that the commit added"}
    )
    added_rows = fields.Integer(metadata={"description": "Contributions that the commit added"})
    total_rows = fields.Integer(
        metadata={"description": "Contributions in the table as of the snapshot, all versions"}
    )
    added_files = fields.Integer()
    added_bytes = fields.Integer()


SNAPSHOT_EXAMPLE: Final = {
    "snapshot_id": SNAPSHOT_ID_EXAMPLE,
    "sequence_number": 3,
    "committed_at": "2026-11-23T08:33:43.249000+00:00",
    "operation": "append",
    "batch_id": "36adcd26-d3be-4a18-92b9-3fbca4cb8ac7",
    "added_rows": 1000,
    "total_rows": 3000,
    "added_files": 1,
    "added_bytes": 20676,
}


class SnapshotPathSchema(Schema):
    """The moment that a path names."""

    snapshot_id = Moment()


SNAPSHOT_ID_PARAMETER: Final = moment_in_path("snapshot_id", SNAPSHOT_ID_EXAMPLE)


class DiffPathSchema(Schema):
    """The two moments that a path names."""

    before = Moment()
    after = Moment()


DIFF_PARAMETERS: Final = (
    moment_in_path("before", SNAPSHOT_ID_EXAMPLE),
    moment_in_path("after", "now"),
)


class DiffQuerySchema(Schema):
    """The number of rows to answer with."""

    class Meta:
        """A misspelt parameter would silently select something else."""

        unknown = RAISE

    limit = limit_field()


class DiffRowSchema(Schema):
    """A contribution that was added or replaced."""

    contribution_id = fields.UUID()
    conversation_id = fields.String()
    contributor_id = fields.String(allow_none=True)
    sequence_number = fields.Integer(metadata={"description": "Of the commit that added the row"})
    change = fields.String(validate=validate.OneOf(["added", "replaced"]))
    replaced_by = fields.UUID(
        allow_none=True,
        metadata={"description": "The version that is the latest in the second snapshot"},
    )


class DiffSchema(Schema):
    """The differences between two snapshots."""

    before = fields.Nested(SnapshotSchema)
    after = fields.Nested(SnapshotSchema)
    added = fields.Integer(metadata={"description": "Contributions that were added, all versions"})
    replaced = fields.Integer(
        metadata={"description": "The latest versions of `before` that aren't those of `after`"}
    )
    taken_down = fields.Integer(
        metadata={"description": "Contributions of either that are in the lake no more"}
    )
    rows = fields.List(fields.Nested(DiffRowSchema))
    rows_truncated = fields.Boolean(metadata={"description": "Whether there are more"})


DIFF_EXAMPLE: Final = {
    "before": SNAPSHOT_EXAMPLE,
    "after": SNAPSHOT_EXAMPLE,
    "added": 0,
    "replaced": 0,
    "taken_down": 0,
    "rows": [],
    "rows_truncated": False,
}


class SnapshotListSchema(Schema):
    """A page of snapshots, newest first."""

    snapshots = fields.List(fields.Nested(SnapshotSchema))
    next_cursor = fields.String(allow_none=True)


SNAPSHOT_LIST_EXAMPLE: Final = {"snapshots": [SNAPSHOT_EXAMPLE], "next_cursor": "3"}
