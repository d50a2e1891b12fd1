"""Queries in SQL, and their answers as JSON."""

from dataclasses import dataclass
from typing import Any, Final

from marshmallow import Schema, fields, post_load, validate

from app.api.schemas.reference import SNAPSHOT_ID_EXAMPLE, ReferenceSchema
from app.ingest.contract import Text
from app.query.snapshots import Reference

MAX_QUERY_CHARACTERS: Final = 65_536


@dataclass(frozen=True, slots=True)
class SqlRequest:
    """A query, and the moment of the lake at which it reads.

    Attributes:
        query: The SELECT statement.
        reference: The moment of the lake.
    """

    query: str
    reference: Reference


class SqlSchema(ReferenceSchema):
    """A SELECT statement, and the moment of the lake at which it reads."""

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


SQL_EXAMPLE: Final = {
    "query": "SELECT role, count(*) AS turns FROM turns GROUP BY role",
    "snapshot_id": SNAPSHOT_ID_EXAMPLE,
}


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
        metadata={"description": "The setting that limits the answer"},
    )
    rows = fields.List(fields.Dict(metadata={"description": "The values by column"}))


SQL_ANSWER_EXAMPLE: Final = {
    "snapshot_id": SNAPSHOT_ID_EXAMPLE,
    "columns": [{"name": "role", "type": "string"}, {"name": "turns", "type": "int64"}],
    "row_count": 1,
    "truncated": False,
    "truncated_by": None,
    "rows": [{"role": "user", "turns": 2423}],
}
