"""Reading contributions at any snapshot."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, request
from flask_smorest import Blueprint

from app.api.answers import Body, answer, snapshot_id_of, stream
from app.api.docs import CONTRIBUTION_EXAMPLE, documented, in_every_stream
from app.api.formats import JSON, PAGED, STREAMS, encode_json, negotiate
from app.api.paging import ContributionCursor, page_rows
from app.api.schemas.contributions import ContributionListSchema, ContributionSchema, CountSchema
from app.api.schemas.reference import QUERY, OneContributionSchema
from app.api.schemas.selection import PagedSelectionSchema, SelectionSchema
from app.query.filters import Filters
from app.query.reference import Reference
from app.services import current_services
from catalog.schema import ARROW_SCHEMA

blueprint = Blueprint(
    "contributions", __name__, url_prefix="/v1/contributions", description="Reading"
)


@blueprint.get("")
@documented(blueprint, 404, 406, 422, 429, 503)
@blueprint.arguments(PagedSelectionSchema, **QUERY)
@in_every_stream(blueprint)
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

    JSON comes in pages, in the order of receipt. NDJSON, an Arrow stream, Parquet or CSV, chosen by
    Accept, come whole, day by day, unless `limit` or `cursor` asks for a page. A cursor stays on
    the snapshot of the first page, however the lake moves on. `Link` names the next page in every
    form, and `Chatlake-Snapshot-Id` the snapshot, to repeat the answer.
    """
    media_type = negotiate(request, PAGED)
    reference, filters = selection["reference"], selection["filters"]
    if media_type == JSON or selection.keys() & {"limit", "cursor"}:
        return _page(
            media_type, reference, filters, selection.get("limit"), selection.get("cursor")
        )
    services = current_services()
    view = services.view(reference)
    rows = services.contributions.stream(view, filters)
    return stream(rows, ARROW_SCHEMA, media_type, snapshot_id_of(view))


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
        "snapshot_id": snapshot_id_of(view),
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
    return answer(encode_json(row.to_pylist()[0]), JSON, snapshot_id_of(view))


def _page(
    media_type: str, reference: Reference, filters: Filters, limit: int | None, cursor: str | None
) -> Response:
    services = current_services()
    place = ContributionCursor.parse(cursor) if cursor else None
    view = services.view(place.stay(reference) if place else reference)
    after = place.last_id if place else None
    page = services.contributions.page(view, filters, page_rows(limit), after)
    snapshot_id = snapshot_id_of(view)
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
    response = answer(body, media_type, snapshot_id)
    if following:
        parameters = urlencode({**request.args.to_dict(), "cursor": following})
        response.headers["Link"] = f'<{request.path}?{parameters}>; rel="next"'
    return response
