"""Snapshots in answers."""

from marshmallow import RAISE, Schema, fields, validate

from app.api.schemas.paging import limit_field
from app.api.schemas.reference import Moment


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


class SnapshotPathSchema(Schema):
    """Which snapshot a path means."""

    snapshot_id = Moment()


class DiffPathSchema(Schema):
    """Which two snapshots a path means."""

    before = Moment()
    after = Moment()


class DiffQuerySchema(Schema):
    """How much of a diff is told."""

    class Meta:
        """A misspelt parameter would silently select something else."""

        unknown = RAISE

    limit = limit_field()


class DiffRowSchema(Schema):
    """A contribution that was added or replaced."""

    contribution_id = fields.UUID()
    ingest_id = fields.String()
    submitter_id = fields.String(allow_none=True)
    sequence_number = fields.Integer(metadata={"description": "Of the commit that added the row"})
    change = fields.String(validate=validate.OneOf(["added", "replaced"]))
    replaced_by = fields.UUID(
        allow_none=True,
        metadata={"description": "The version that is the latest in the second snapshot"},
    )


class DiffSchema(Schema):
    """What became of the lake from one snapshot to another."""

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


class SnapshotListSchema(Schema):
    """A page of snapshots, newest first."""

    snapshots = fields.List(fields.Nested(SnapshotSchema))
    next_cursor = fields.String(allow_none=True)
