"""Queries in SQL, and their answers as JSON."""

from dataclasses import dataclass
from typing import Any, Final

from marshmallow import Schema, fields, post_load, validate

from app.api.schemas.reference import ReferenceSchema
from app.ingest.contract import Text
from app.query.snapshots import Reference

MAX_QUERY_CHARACTERS: Final = 65_536


@dataclass(frozen=True, slots=True)
class SqlRequest:
    """A query, and the moment of the lake that it is about."""

    query: str
    reference: Reference


class SqlSchema(ReferenceSchema):
    """One SELECT, at which moment."""

    query = Text(
        required=True,
        validate=validate.Length(min=1, max=MAX_QUERY_CHARACTERS),
        metadata={
            "description": "One SELECT in DuckDB's dialect, on `contributions` (the latest "
            "versions), `all_versions` and `turns`"
        },
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> SqlRequest:
        reference = self.pop_reference(data)
        return SqlRequest(data["query"], reference)


class ColumnSchema(Schema):
    """A column of an answer."""

    name = fields.String()
    type = fields.String(metadata={"description": "Arrow's name of its type", "example": "int64"})


class SqlAnswerSchema(Schema):
    """The rows of a query."""

    snapshot_id = fields.String(allow_none=True, metadata={"description": "Null in an empty lake"})
    columns = fields.List(fields.Nested(ColumnSchema))
    row_count = fields.Integer(metadata={"description": "Rows in this answer"})
    truncated = fields.Boolean(metadata={"description": "Whether rows were left out"})
    truncated_by = fields.String(
        allow_none=True,
        validate=validate.OneOf(["sql_max_rows", "sql_max_bytes"]),
        metadata={"description": "The limit past which they were"},
    )
    rows = fields.List(fields.Dict(metadata={"description": "The values by column"}))
