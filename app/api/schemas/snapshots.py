"""Snapshots in answers."""

from marshmallow import Schema, fields


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
