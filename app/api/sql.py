"""The view that runs queries in SQL."""

from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from typing import Final

from flask import Response, request
from flask_smorest import Blueprint

from app.api.access import current_audience
from app.api.answers import TRUNCATED_HEADER, answer, snapshot_id_of
from app.api.body import ENCODINGS, read_json_body
from app.api.docs import KEYED, documented, in_every_stream
from app.api.formats import JSON, STREAMS, encode_json, negotiate
from app.api.guards import current_guards
from app.api.limits import current_meter, holding_place
from app.api.reads import current_client, still_wanted
from app.api.schemas.sql import (
    SQL_ANSWER_EXAMPLE,
    SQL_EXAMPLE,
    SqlAnswerSchema,
    SqlRequest,
    SqlSchema,
)
from app.ingest.strict_json import JsonLimits, parse
from app.query.sql.queries import SqlResult
from app.services import current_services
from catalog.checkpoints import checked
from catalog.rows import every_column

PATH: Final = "/v1/sql"
MAX_BODY_BYTES: Final = 1024 * 1024
"""Size of the largest body: more than the longest query needs with every character escaped."""

blueprint = Blueprint("sql", __name__, url_prefix=PATH, description="SQL")

_JSON_LIMITS: Final = JsonLimits(max_turns=0, max_nesting=4, max_object_keys=16)
_BODY: Final = {
    "required": True,
    "description": f"A query, as it is or compressed ({', '.join(ENCODINGS)})",
    "content": {JSON: {"schema": SqlSchema, "example": SQL_EXAMPLE}},
}


@blueprint.post("")
@documented(blueprint, *KEYED, *(400, 404, 406, 408, 413, 415, 422, 429, 503), requestBody=_BODY)
@in_every_stream(blueprint)
@blueprint.response(HTTPStatus.OK, SqlAnswerSchema, content_type=JSON, example=SQL_ANSWER_EXAMPLE)
def run() -> Response:
    """Query the lake in SQL: one SELECT on one snapshot.

    The table `contributions` has the latest versions as of the snapshot, and `all_versions` has
    every version. `turns` has a row for each turn of the contributions in `contributions`, with its
    `turn_number` from 0. Only functions whose result depends on their arguments, on the time or on
    chance are available. The settings `sql_*` limit the time, memory and rows of a query, and the
    queries that one address or API key may run at once. When rows were left out of an answer,
    `Chatlake-Truncated-By` names the setting, in every form.
    """
    media_type = negotiate(request)
    services = current_services()
    asked = _read_request()
    with ExitStack() as held:
        held.enter_context(holding_place())
        held.enter_context(current_guards().reads.holding())
        # Before a query's process has its own limits, the query may wait for the replaced versions.
        with checked(still_wanted("read_timeout_s", services.settings.read_timeout_s)):
            view = services.snapshots.view(asked.reference, current_audience())
            client = ":".join(current_meter().client.subject)
            found = services.sql.run(view, asked.query, client, _client_descriptor())
        # The place is held on: the answer stays in memory until the client has it.
        until_sent = held.pop_all()
    snapshot_id = snapshot_id_of(view)
    if media_type == JSON:
        body = _as_json(found, snapshot_id)
    else:
        body = STREAMS[media_type](found.batches, found.schema, every_column)
    response = answer(body, media_type, snapshot_id)
    response.call_on_close(until_sent.close)
    if found.truncated_by:
        response.headers[TRUNCATED_HEADER] = found.truncated_by
    return response


def _client_descriptor() -> int | None:
    client = current_client()
    return client.fileno() if client else None


def _read_request() -> SqlRequest:
    body = read_json_body(request, MAX_BODY_BYTES)
    asked: SqlRequest = SqlSchema().load(parse(body, _JSON_LIMITS))
    return asked


def _as_json(found: SqlResult, snapshot_id: str | None) -> Iterator[bytes]:
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
            yield separator + encode_json(every_column(batch))[1:-1]
            separator = b","
    yield b"]}"
