"""The view that reads what was added to the lake, for readers that mirror it."""

from http import HTTPStatus
from typing import Any, Final

from flask import Response, request
from flask_smorest import Blueprint

from app.access.audience import Audience
from app.api.access import current_audience
from app.api.answers import page
from app.api.docs import KEYED, documented, in_every_stream
from app.api.formats import JSON, negotiate
from app.api.paging import ChangesCursor, link_to_next, page_rows
from app.api.reads import reads_lake
from app.api.schemas.changes import CHANGES_EXAMPLE, ChangesQuerySchema, ChangesSchema
from app.api.schemas.reference import QUERY
from app.query.changes import START, Changes, Position
from app.query.snapshots import Reference
from app.services import current_services
from catalog.rows import plain_rows

blueprint = Blueprint("changes", __name__, url_prefix="/v1/changes", description="Mirroring")

CURSOR_HEADER: Final = "Chatlake-Cursor"


@blueprint.get("")
@documented(blueprint, *KEYED, 404, 406, 422, 429, 503)
@blueprint.arguments(ChangesQuerySchema, **QUERY)
@in_every_stream(blueprint)
@blueprint.response(
    HTTPStatus.OK,
    ChangesSchema,
    content_type=JSON,
    example=CHANGES_EXAMPLE,
)
@reads_lake
def list_all(query: dict[str, Any]) -> Response:
    """Read what was added since a moment, every version, in the order in which it was added.

    An answer of any form is a page. `Chatlake-Cursor` is the place to go on from: at once when
    `Link` names a next page, else at any later time. A cursor stays valid for ever. A reader that
    stores each answer before its cursor, and goes on from the last stored cursor, gets every
    contribution at least once; `contribution_id` shows which ones it has already.
    """
    media_type = negotiate(request)
    audience = current_audience()
    changes = current_services().changes.read(
        query["reference"], _position(query, audience), page_rows(query.get("limit")), audience
    )
    return _respond(changes, media_type)


def _position(query: dict[str, Any], audience: Audience) -> Position:
    services = current_services()
    if "cursor" in query:
        cursor = ChangesCursor.parse(query["cursor"])
        # A cursor of another lake, or of this lake before it was restored, isn't found.
        services.snapshots.find(Reference(snapshot_id=cursor.snapshot_id), audience)
        return cursor.position
    if "since" in query:
        return Position(services.snapshots.find(query["since"], audience).sequence_number)
    return START


def _respond(changes: Changes, media_type: str) -> Response:
    snapshot_id = changes.snapshot.snapshot_id if changes.snapshot else None
    cursor = str(ChangesCursor(snapshot_id, changes.end)) if snapshot_id is not None else None
    named = str(snapshot_id) if snapshot_id is not None else None
    response = page(
        changes.rows,
        media_type,
        named,
        lambda rows: {
            "contributions": rows,
            "snapshot_id": named,
            "next_cursor": cursor,
            "more": changes.more,
        },
        plain_rows,
    )
    if cursor:
        response.headers[CURSOR_HEADER] = cursor
        if changes.more:
            response.headers["Link"] = link_to_next(cursor, "since")
    return response
