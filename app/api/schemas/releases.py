"""Releases in answers."""

from marshmallow import Schema, fields


class ReleaseFileSchema(Schema):
    """A file of a release."""

    path = fields.String()
    rows = fields.Integer()
    bytes = fields.Integer()
    sha256 = fields.String()
    format = fields.String(metadata={"description": "`parquet` or `jsonl`"})
    split = fields.String(metadata={"description": "`train` or `test`"})


class ReleaseSchema(Schema):
    """The manifest of a release."""

    name = fields.String()
    stage = fields.String()
    snapshot_id = fields.String(
        metadata={"description": "The snapshot of the contributions that it comes from"}
    )
    sequence_number = fields.Integer()
    committed_at = fields.DateTime(metadata={"description": "Time of the snapshot"})
    licence = fields.String(metadata={"description": "SPDX id"})
    rows = fields.Integer()
    file_count = fields.Integer()
    files = fields.List(fields.Nested(ReleaseFileSchema))
    schema = fields.Dict(metadata={"description": "The Iceberg schema of the rows"})
    versions = fields.Dict(metadata={"description": "What it was built with"})
    rules = fields.Dict(
        metadata={"description": "Versions and thresholds of the rules, by what they do"}
    )
    stage_snapshots = fields.Dict(
        metadata={"description": "Ids of the snapshots of the stage's tables, by table"}
    )
    parameters = fields.Dict(metadata={"description": "What it was asked to be"})
    splits = fields.Dict(metadata={"description": "Contributions by split"})
    dropped = fields.Dict(
        metadata={"description": "Contributions that were left out on the way from raw, by reason"}
    )
    languages = fields.Dict(metadata={"description": "Contributions by language"})
    masked = fields.Dict(metadata={"description": "What was masked, by kind"})
    credited = fields.Integer(
        allow_none=True, metadata={"description": "Names in CREDITS.txt; null in old releases"}
    )
    anonymous = fields.Integer(
        allow_none=True,
        metadata={"description": "Contributions without a name to credit; null in old releases"},
    )


class ReleaseListSchema(Schema):
    """The published releases, by name."""

    releases = fields.List(fields.Nested(ReleaseSchema))


class ReleaseStatusSchema(Schema):
    """What became of a release."""

    name = fields.String()
    stage = fields.String()
    state = fields.String(
        metadata={"description": "`building`, `published`, `failed` or `removed`"}
    )
    step = fields.String(
        metadata={
            "description": "What its build is or was at: `wait` for another, `stage` is computed, "
            "`rows` are written, `publish`, `done`"
        }
    )
    rows_done = fields.Integer(metadata={"description": "Rows of the step that are done"})
    rows_total = fields.Integer(
        allow_none=True, metadata={"description": "Of how many; null when that isn't known"}
    )
    reason = fields.String(allow_none=True, metadata={"description": "Why it failed"})
    started_at = fields.DateTime(allow_none=True)
    updated_at = fields.DateTime(
        allow_none=True, metadata={"description": "When its build last said something"}
    )
    ended_at = fields.DateTime(allow_none=True)


class ReleaseChangeSchema(Schema):
    """A contribution that is in one of two releases, or in both with another content."""

    contribution_id = fields.String()
    change = fields.String(metadata={"description": "`added`, `removed` or `changed`"})


class ReleaseDiffSchema(Schema):
    """What became of the contributions from one release to another."""

    before = fields.String(metadata={"description": "The one release"})
    after = fields.String(metadata={"description": "The other"})
    stage = fields.String()
    added = fields.Integer(metadata={"description": "In the other alone"})
    removed = fields.Integer(metadata={"description": "In the one alone"})
    changed = fields.Integer(metadata={"description": "In both, with another content"})
    total = fields.Integer(metadata={"description": "All of them"})
    rows = fields.List(fields.Nested(ReleaseChangeSchema))
    rows_truncated = fields.Boolean(metadata={"description": "Whether there are more"})
