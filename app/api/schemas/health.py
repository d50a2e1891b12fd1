"""The answer to a probe."""

from marshmallow import Schema, fields


class StatusSchema(Schema):
    """The service's answer to a probe."""

    status = fields.String(metadata={"example": "ok"})
