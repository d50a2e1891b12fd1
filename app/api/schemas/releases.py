"""Releases in answers."""

from marshmallow import Schema, fields


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
