"""The view that reads what was added to the lake, for readers that mirror it."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from flask import Response, request
from flask_smorest import Blueprint

from app.access.takedowns.feed import FeedPage, FeedPosition
from app.access.visibility.audience import Audience
from app.access.visibility.shown_again import ShownPosition
from app.api.access import current_audience
from app.api.answers import page
from app.api.docs import KEYED, documented, in_every_stream
from app.api.formats import JSON, negotiate
from app.api.paging import ChangesCursor, link_to_next, page_rows
from app.api.reads import reads_lake
from app.api.schemas.changes import CHANGES_EXAMPLE, ChangesQuerySchema, ChangesSchema
from app.api.schemas.reference import QUERY
from app.query.history.changes import START, Changes, Position
from app.query.snapshots import Reference
from app.services import current_services
from catalog.columns.rows import plain_rows

blueprint = Blueprint("changes", __name__, url_prefix="/v1/changes", description="Mirroring")

CURSOR_HEADER: Final = "Chatlake-Cursor"
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""How far the clocks of two nodes may be apart: a reader is rather told of a takedown twice."""


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
    contribution at least once; `contribution_id` shows which ones it has already. Contributions
    that were hidden by moderators and are shown again come after those that were added.

    JSON also has the ids that were taken down since, which the reader deletes after it has stored
    the contributions. Other forms have contributions alone, and `GET /v1/takedowns` has the ids.
    """
    media_type = negotiate(request)
    services, limit = current_services(), page_rows(query.get("limit"))
    audience = current_audience()
    position, known, shown = _start(query, audience)
    changes = services.reading.changes.read(query["reference"], position, limit, audience, shown)
    # Read last, so that what is taken down while contributions are read is told with them.
    feed = services.access.takedown_feed.page(known, limit if media_type == JSON else 0)
    return _respond(changes, feed, media_type)


def _start(
    query: dict[str, Any], audience: Audience
) -> tuple[Position, FeedPosition, ShownPosition | None]:
    """Return up to where the reader has contributions, takedowns, and what was shown again."""
    services = current_services()
    if "cursor" in query:
        cursor = ChangesCursor.parse(query["cursor"])
        # A cursor of another lake, or of this lake before it was restored, isn't found.
        services.reading.snapshots.find(Reference(snapshot_id=cursor.snapshot_id), audience)
        return cursor.position, cursor.taken_down, cursor.shown
    if "since" in query:
        since = services.reading.snapshots.find(query["since"], audience)
        moment = since.committed_at - _CLOCKS_DIFFER
        known = services.access.takedown_feed.at(moment)
        return Position(since.sequence_number), known, services.access.shown.at(moment)
    # What was taken down before isn't given to the reader, and what was shown before is.
    return START, services.access.takedown_feed.newest(), None


def _respond(changes: Changes, feed: FeedPage, media_type: str) -> Response:
    snapshot_id = changes.snapshot.snapshot_id if changes.snapshot else None
    cursor = None
    if snapshot_id is not None:
        cursor = str(ChangesCursor(snapshot_id, changes.end, feed.end, changes.shown_end))
    more = changes.more or (feed.more and media_type == JSON)
    named = str(snapshot_id) if snapshot_id is not None else None
    response = page(
        changes.rows,
        media_type,
        named,
        lambda rows: {
            "contributions": rows,
            "taken_down": [entry.contribution_id for entry in feed.entries],
            "snapshot_id": named,
            "next_cursor": cursor,
            "more": more,
        },
        plain_rows,
    )
    if cursor:
        response.headers[CURSOR_HEADER] = cursor
        if more:
            response.headers["Link"] = link_to_next(cursor, "since")
    return response
