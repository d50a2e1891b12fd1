"""Rows as answers of any media type have them."""

import csv
import json
from collections.abc import Sequence
from io import BytesIO, StringIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from flask.testing import FlaskClient

from app.api.formats import ARROW_STREAM, CSV, JSON, NDJSON
from catalog.reading.scan import schema_of
from catalog.schema import ARROW_SCHEMA

URL = "/v1/contributions"


OURS = "01a2078f-240f-72b8-af80-7eba2ba52819"


Rows = list[dict[str, Any]]


def get(client: FlaskClient, path: str = URL, **parameters: Any) -> dict[str, Any]:
    response = client.get(path, query_string=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    return body


def ids(client: FlaskClient, **parameters: Any) -> list[str]:
    return [row["contribution_id"] for row in get(client, **parameters)["contributions"]]


def rows_of(media_type: str, body: bytes, columns: Sequence[str] = ARROW_SCHEMA.names) -> Rows:
    """Return the rows of an answer of any media type, with the values that JSON has."""
    if media_type == JSON:
        listed: Rows = json.loads(body)["contributions"]
        return listed
    if media_type == NDJSON:
        return [json.loads(line) for line in body.splitlines()]
    if media_type == CSV:
        return [as_json(row) for row in csv.DictReader(StringIO(body.decode(), newline=""))]
    if media_type == ARROW_STREAM:
        table = pa.ipc.open_stream(body).read_all()
    else:
        table = pq.read_table(BytesIO(body))
    assert table.schema == schema_of(columns)
    rows: Rows = table.to_pylist()
    for row in rows if "received_at" in columns else []:
        row["received_at"] = row["received_at"].isoformat().replace("+00:00", "Z")
    return rows


def as_json(row: dict[str, str]) -> dict[str, Any]:
    """Return a row of CSV with the values that JSON has."""
    values: dict[str, Any] = {name: text or None for name, text in row.items()}
    for name in values.keys() & {"conversation", "sequence_number"}:
        values[name] = json.loads(row[name])
    return values


def in_order(rows: Rows) -> Rows:
    """Sort rows, and write their times alike: in JSON, a whole second has no decimals."""
    spelled = [{**row, "received_at": row["received_at"].replace(".000000Z", "Z")} for row in rows]
    return sorted(spelled, key=lambda row: row["contribution_id"])
