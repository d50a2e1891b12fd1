"""Answers to probes."""

from marshmallow import Schema, fields


class StatusSchema(Schema):
    """The state of the service."""

    status = fields.String(metadata={"example": "ok"})
