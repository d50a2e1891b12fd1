"""The status of releases, as answers have it."""

from typing import Final

from marshmallow import Schema, fields


class ReleaseStatusSchema(Schema):
    """Whether a release is being built, is published, has failed or was removed."""

    name = fields.String()
    stage = fields.String()
    state = fields.String(
        metadata={"description": "`building`, `published`, `failed` or `removed`"}
    )
    step = fields.String(
        metadata={
            "description": "The last step of its build: `wait` for another, `stage` is computed, "
            "`rows` are written, `publish`, `done`"
        }
    )
    rows_done = fields.Integer(metadata={"description": "Rows of the step that are done"})
    rows_total = fields.Integer(
        allow_none=True,
        metadata={"description": "All rows of the step; null when unknown"},
    )
    reason = fields.String(allow_none=True, metadata={"description": "Why it failed"})
    started_at = fields.DateTime(allow_none=True)
    updated_at = fields.DateTime(
        allow_none=True, metadata={"description": "When its build last reported progress"}
    )
    ended_at = fields.DateTime(allow_none=True)


RELEASE_STATUS_EXAMPLE: Final = {
    "name": "2026-11",
    "stage": "curated",
    "state": "building",
    "step": "rows",
    "rows_done": 1024,
    "rows_total": 2600,
    "reason": None,
    "started_at": "2026-11-23T08:40:11.119Z",
    "updated_at": "2026-11-23T08:40:41.249Z",
    "ended_at": None,
}
