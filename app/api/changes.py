"""What was added to the lake, for those who mirror it."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, request
from flask_smorest import Blueprint

from app.api.answers import Body, answer
from app.api.docs import CONTRIBUTION_EXAMPLE, documented, in_every_stream
from app.api.formats import JSON, STREAMS, encode_json, negotiate
from app.api.paging import ChangesCursor, page_rows
from app.api.reads import reads_lake
from app.api.schemas.changes import ChangesQuerySchema, ChangesSchema
from app.api.schemas.reference import QUERY
from app.query.changes import START, Changes, Position
from app.query.snapshots import Reference
from app.services import current_services
from catalog.schema import ARROW_SCHEMA

blueprint = Blueprint("changes", __name__, url_prefix="/v1/changes", description="Mirroring")

CURSOR_HEADER: Final = "Chatlake-Cursor"


@blueprint.get("")
@documented(blueprint, 404, 406, 422, 429, 503)
@blueprint.arguments(ChangesQuerySchema, **QUERY)
@in_every_stream(blueprint)
@blueprint.response(
    HTTPStatus.OK,
    ChangesSchema,
    content_type=JSON,
    example={
        "contributions": [CONTRIBUTION_EXAMPLE],
        "snapshot_id": "5205699861694616229",
        "next_cursor": "NTIwNTY5OTg2MTY5NDYxNjIyOTozOg==",
        "more": False,
    },
)
@reads_lake
def list_all(query: dict[str, Any]) -> Response:
    """Read what was added since, every version, in the order in which it was added.

    An answer of any form is a page. `Chatlake-Cursor` tells where to go on: at once where `Link`
    names a next page, else whenever it suits. A cursor stays good for ever. Who keeps an answer
    before its cursor, and asks again with the last cursor that was kept, gets every contribution at
    least once; `contribution_id` tells repetitions.
    """
    media_type = negotiate(request)
    changes = current_services().changes.read(
        query["reference"], _position(query), page_rows(query.get("limit"))
    )
    return _respond(changes, media_type)


def _position(query: dict[str, Any]) -> Position:
    services = current_services()
    if "cursor" in query:
        cursor = ChangesCursor.parse(query["cursor"])
        # A cursor of another lake, or of what this one was before a restore, finds nothing.
        services.snapshots.find(Reference(snapshot_id=cursor.snapshot_id))
        return cursor.position
    if "since" in query:
        return Position(services.snapshots.find(query["since"]).sequence_number)
    return START


def _respond(changes: Changes, media_type: str) -> Response:
    snapshot_id = changes.snapshot.snapshot_id if changes.snapshot else None
    cursor = str(ChangesCursor(snapshot_id, changes.end)) if snapshot_id is not None else None
    named = str(snapshot_id) if snapshot_id is not None else None
    if media_type == JSON:
        body: Body = encode_json(
            {
                "contributions": changes.rows.to_pylist(),
                "snapshot_id": named,
                "next_cursor": cursor,
                "more": changes.more,
            }
        )
    else:
        body = STREAMS[media_type](changes.rows.to_batches(), ARROW_SCHEMA)
    response = answer(body, media_type, named)
    if cursor:
        response.headers[CURSOR_HEADER] = cursor
    if changes.more:
        parameters = {**request.args.to_dict(), "cursor": cursor}
        parameters.pop("since", None)
        response.headers["Link"] = f'<{request.path}?{urlencode(parameters)}>; rel="next"'
    return response
