"""Queries in SQL."""

from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from typing import Final

from flask import Response, request
from flask_smorest import Blueprint

from app.api.addresses import network_of
from app.api.answers import TRUNCATED_HEADER, answer, snapshot_id_of
from app.api.body import CONNECTION, ENCODINGS, read_json_body
from app.api.docs import documented, in_every_stream
from app.api.formats import JSON, STREAMS, encode_json, negotiate
from app.api.guards import current_guards
from app.api.schemas.sql import SqlAnswerSchema, SqlRequest, SqlSchema
from app.ingest.strict_json import JsonLimits, parse
from app.query.sql.queries import Answer
from app.services import current_services

blueprint = Blueprint("sql", __name__, url_prefix="/v1/sql", description="SQL")

MAX_BODY_BYTES: Final = 1024 * 1024
"""More than the longest query takes, with every character escaped."""

_JSON_LIMITS: Final = JsonLimits(max_turns=0, max_nesting=4, max_object_keys=16)
_BODY: Final = {
    "required": True,
    "description": f"A query, as it is or compressed ({', '.join(ENCODINGS)})",
    "content": {
        JSON: {
            "schema": SqlSchema,
            "example": {
                "query": "SELECT role, count(*) AS turns FROM turns GROUP BY role",
                "snapshot_id": "5205699861694616229",
            },
        }
    },
}


@blueprint.post("")
@documented(blueprint, *(400, 404, 406, 408, 413, 415, 422, 429, 503), requestBody=_BODY)
@in_every_stream(blueprint)
@blueprint.response(
    HTTPStatus.OK,
    SqlAnswerSchema,
    content_type=JSON,
    example={
        "snapshot_id": "5205699861694616229",
        "columns": [{"name": "role", "type": "string"}, {"name": "turns", "type": "int64"}],
        "row_count": 1,
        "truncated": False,
        "truncated_by": None,
        "rows": [{"role": "user", "turns": 2423}],
    },
)
def run() -> Response:
    """Ask the lake in SQL: one SELECT on one snapshot.

    The tables are `contributions`, which has the latest versions as of the snapshot,
    `all_versions`, and `turns`, which has a row for each turn of those of `contributions`, with its
    `turn_number` from 0. Functions are those whose answer depends on their arguments, on the time
    or on chance. A query may take some seconds, some memory and some rows and no more, and an
    address has one at a time, by the settings `sql_*`; when rows were left out of an answer,
    `Chatlake-Truncated-By` names the setting, in every form.
    """
    media_type = negotiate(request)
    services = current_services()
    asked = _read_request(services.settings.body_timeout_s)
    with ExitStack() as held:
        held.enter_context(current_guards().reading())
        view = services.snapshots.view(asked.reference)
        found = services.sql.run(
            view, asked.query, network_of(request.remote_addr), request.environ.get(CONNECTION)
        )
        # The answer stays in memory until the client has it.
        until_sent = held.pop_all()
    snapshot_id = snapshot_id_of(view)
    if media_type == JSON:
        body = _as_json(found, snapshot_id)
    else:
        body = STREAMS[media_type](found.batches, found.schema)
    response = answer(body, media_type, snapshot_id)
    response.call_on_close(until_sent.close)
    if found.truncated_by:
        response.headers[TRUNCATED_HEADER] = found.truncated_by
    return response


def _read_request(timeout_s: float) -> SqlRequest:
    body = read_json_body(request, MAX_BODY_BYTES, timeout_s)
    asked: SqlRequest = SqlSchema().load(parse(body, _JSON_LIMITS))
    return asked


def _as_json(found: Answer, snapshot_id: str | None) -> Iterator[bytes]:
    """Yield an answer batch by batch: as text its rows take several times their memory."""
    head = {
        "snapshot_id": snapshot_id,
        "columns": [{"name": field.name, "type": str(field.type)} for field in found.schema],
        "row_count": found.row_count,
        "truncated": found.truncated_by is not None,
        "truncated_by": found.truncated_by,
    }
    yield encode_json(head)[:-1] + b',"rows":['
    separator = b""
    for batch in found.batches:
        if batch.num_rows:
            yield separator + encode_json(batch.to_pylist())[1:-1]
            separator = b","
    yield b"]}"
