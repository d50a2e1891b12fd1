"""The view that runs queries in SQL."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import Response, request
from flask_smorest import Blueprint

from app.api.access import current_audience
from app.api.answers import TRUNCATED_HEADER, Body, answer, snapshot_id_of
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
from app.ingest.decoding.strict_json import JsonLimits, parse
from app.query.sql.queries import SqlResult
from app.services import current_services
from catalog.checkpoints import checked
from catalog.columns.rows import every_column

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
    found = run_query(_read_request())
    if media_type == JSON:
        return found.answer(_as_json(found.result, found.snapshot_id), JSON)
    return found.stream(media_type)


@dataclass(frozen=True, slots=True)
class HeldResult:
    """The result of a query, with the places that are held until it was sent.

    Attributes:
        result: The result.
        snapshot_id: Id of the snapshot that it was read from; None while the lake is empty.
        places: The places.
    """

    result: SqlResult
    snapshot_id: str | None
    places: ExitStack

    def answer(self, body: Body, media_type: str) -> Response:
        """Return an answer that gives the places back once it was sent."""
        response = answer(body, media_type, self.snapshot_id)
        response.call_on_close(self.places.close)
        if self.result.truncated_by:
            response.headers[TRUNCATED_HEADER] = self.result.truncated_by
        return response

    def stream(self, media_type: str) -> Response:
        """Return an answer of all rows, in a media type of rows alone."""
        body = STREAMS[media_type](self.result.batches, self.result.schema, every_column)
        return self.answer(body, media_type)


def run_query(asked: SqlRequest) -> HeldResult:
    """Run a query within the limits of the current request's client.

    Raises:
        TooManyAtOnce: No place of the client is left.
        WorkerBusy: No place of the worker is left.
        SnapshotNotFound: The query names a snapshot that doesn't exist.
        SqlError: The query itself can't be answered.

    It also raises all other errors of `Snapshots.view` and `SqlQueries.run`.
    """
    services = current_services()
    with ExitStack() as held:
        held.enter_context(holding_place())
        held.enter_context(current_guards().reads.holding())
        # Before a query's process has its own limits, the query may wait for the replaced versions.
        with checked(still_wanted("read_timeout_s", services.settings.read_timeout_s)):
            view = services.reading.snapshots.view(asked.reference, current_audience())
            client = ":".join(current_meter().client.subject)
            result = services.reading.sql.run(view, asked.query, client, _client_descriptor())
        # The places are held on: the answer stays in memory until the client has it.
        return HeldResult(result, snapshot_id_of(view), held.pop_all())


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
