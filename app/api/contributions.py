"""Reading contributions at any snapshot."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, request
from flask_smorest import Blueprint

from app.api.docs import CONTRIBUTION_EXAMPLE, documented
from app.api.formats import ARROW_STREAM, JSON, NDJSON, PARQUET, STREAMS, encode_json, negotiate
from app.api.guards import current_guards
from app.api.paging import ContributionCursor, page_rows
from app.api.schemas.contributions import ContributionListSchema, ContributionSchema, CountSchema
from app.api.schemas.reference import QUERY, OneContributionSchema
from app.api.schemas.selection import PagedSelectionSchema, SelectionSchema
from app.query.filters import Filters
from app.query.reference import Reference, SnapshotView
from app.services import current_services
from catalog.schema import ARROW_SCHEMA

blueprint = Blueprint(
    "contributions", __name__, url_prefix="/v1/contributions", description="Reading"
)

SNAPSHOT_HEADER: Final = "Chatlake-Snapshot-Id"

Body = bytes | Iterator[bytes]


@blueprint.get("")
@documented(blueprint, 404, 406, 422, 429, 503)
@blueprint.arguments(PagedSelectionSchema, **QUERY)
@blueprint.response(HTTPStatus.OK, {"type": "string"}, content_type=NDJSON)
@blueprint.response(HTTPStatus.OK, {"type": "string"}, content_type=ARROW_STREAM)
@blueprint.response(HTTPStatus.OK, {"type": "string"}, content_type=PARQUET)
@blueprint.response(
    HTTPStatus.OK,
    ContributionListSchema,
    content_type=JSON,
    example={
        "contributions": [CONTRIBUTION_EXAMPLE],
        "snapshot_id": "5205699861694616229",
        "next_cursor": None,
    },
)
def list_all(selection: dict[str, Any]) -> Response:
    """Read contributions: a page as JSON, or all of them as a stream.

    JSON comes in pages, in the order of receipt. NDJSON, an Arrow stream or Parquet, chosen by
    Accept, come whole, day by day, unless `limit` or `cursor` asks for a page. A cursor stays on
    the snapshot of the first page, however the lake moves on. `Link` names the next page in every
    form, and `Chatlake-Snapshot-Id` the snapshot, to repeat the answer.
    """
    media_type = negotiate(request)
    reference, filters = selection["reference"], selection["filters"]
    if media_type == JSON or selection.keys() & {"limit", "cursor"}:
        return _page(
            media_type, reference, filters, selection.get("limit"), selection.get("cursor")
        )
    services = current_services()
    view = services.view(reference)
    batches = services.contributions.stream(view, filters)
    response = _respond(view, STREAMS[media_type](batches, ARROW_SCHEMA), media_type)
    threads = current_guards().long_requests
    threads.take()
    response.call_on_close(threads.give_back)
    return response


@blueprint.get("/count")
@documented(blueprint, 404, 422, 503)
@blueprint.arguments(SelectionSchema, **QUERY)
@blueprint.response(
    HTTPStatus.OK, CountSchema, example={"count": 2423, "snapshot_id": "5205699861694616229"}
)
def count(selection: dict[str, Any]) -> dict[str, Any]:
    """Count contributions."""
    services = current_services()
    view = services.view(selection["reference"])
    return {
        "count": services.contributions.count(view, selection["filters"]),
        "snapshot_id": _snapshot_id(view),
    }


@blueprint.get("/<uuid:contribution_id>")
@documented(blueprint, 404, 422, 503)
@blueprint.arguments(OneContributionSchema, **QUERY)
@blueprint.response(HTTPStatus.OK, ContributionSchema, example=CONTRIBUTION_EXAMPLE)
def get(reference: Reference, contribution_id: UUID) -> Response:
    """Read one contribution, whether a later version has replaced it or not."""
    services = current_services()
    view = services.view(reference)
    row = services.contributions.get(view, contribution_id)
    return _respond(view, encode_json(row.to_pylist()[0]), JSON)


def _page(
    media_type: str, reference: Reference, filters: Filters, limit: int | None, cursor: str | None
) -> Response:
    services = current_services()
    place = ContributionCursor.parse(cursor) if cursor else None
    view = services.view(place.stay(reference) if place else reference)
    after = place.last_id if place else None
    page = services.contributions.page(view, filters, page_rows(limit), after)
    snapshot_id = _snapshot_id(view)
    following = (
        str(ContributionCursor(snapshot_id, page.last_id)) if snapshot_id and page.last_id else None
    )
    if media_type == JSON:
        body: Body = encode_json(
            {
                "contributions": page.rows.to_pylist(),
                "snapshot_id": snapshot_id,
                "next_cursor": following,
            }
        )
    else:
        body = STREAMS[media_type](page.rows.to_batches(), ARROW_SCHEMA)
    response = _respond(view, body, media_type)
    if following:
        parameters = urlencode({**request.args.to_dict(), "cursor": following})
        response.headers["Link"] = f'<{request.path}?{parameters}>; rel="next"'
    return response


def _respond(view: SnapshotView, body: Body, media_type: str) -> Response:
    response = Response(body, mimetype=media_type)
    response.vary.add("Accept")
    if snapshot_id := _snapshot_id(view):
        response.headers[SNAPSHOT_HEADER] = snapshot_id
    return response


def _snapshot_id(view: SnapshotView) -> str | None:
    return str(view.snapshot.snapshot_id) if view.snapshot else None
