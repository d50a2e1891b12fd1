"""Reading contributions at any snapshot."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, request
from flask_smorest import Blueprint

from app.api.answers import Body, answer, snapshot_id_of, stream
from app.api.docs import CONTRIBUTION_EXAMPLE, VERSION_EXAMPLE, documented, in_every_stream
from app.api.formats import JSON, PAGED, STREAMS, encode_json, negotiate
from app.api.paging import ContributionCursor, page_rows
from app.api.reads import reads_lake
from app.api.schemas.contributions import (
    ContributionListSchema,
    ContributionSchema,
    CountSchema,
    VersionListSchema,
)
from app.api.schemas.reference import QUERY, OneContributionSchema
from app.api.schemas.selection import (
    NEWEST_FIRST,
    PagedReferenceSchema,
    PagedSelectionSchema,
    SelectionSchema,
)
from app.query.contributions import EVERY_COLUMN
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import current_services
from catalog.scan import schema_of

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
@reads_lake
def list_all(selection: dict[str, Any]) -> Response:
    """Read contributions: a page as JSON, or all of them as a stream.

    JSON comes in pages, in the order of receipt or against it. NDJSON, an Arrow stream, Parquet or
    CSV, chosen by Accept, come whole, day by day, unless `limit`, `cursor` or `sort` asks for a
    page. A cursor stays on the snapshot and in the order of the first page, however the lake moves
    on. `Link` names the next page in every form, and `Chatlake-Snapshot-Id` the snapshot, to repeat
    the answer.
    """
    media_type = negotiate(request, PAGED)
    if media_type == JSON or selection.keys() & {"limit", "cursor", "sort"}:
        return _page(media_type, **selection)
    columns = selection.get("columns", EVERY_COLUMN)
    services = current_services()
    view = services.snapshots.view(selection["reference"])
    rows = services.contributions.stream(view, selection["filters"], columns)
    return stream(rows, schema_of(columns), media_type, snapshot_id_of(view))


@blueprint.get("/count")
@documented(blueprint, 404, 422, 429, 503)
@blueprint.arguments(SelectionSchema, **QUERY)
@blueprint.response(
    HTTPStatus.OK, CountSchema, example={"count": 2423, "snapshot_id": "5205699861694616229"}
)
@reads_lake
def count(selection: dict[str, Any]) -> dict[str, Any]:
    """Count contributions."""
    services = current_services()
    view = services.snapshots.view(selection["reference"])
    return {
        "count": services.contributions.count(view, selection["filters"]),
        "snapshot_id": snapshot_id_of(view),
    }


@blueprint.get("/<uuid:contribution_id>")
@documented(blueprint, 404, 422, 429, 503)
@blueprint.arguments(OneContributionSchema, **QUERY)
@blueprint.response(HTTPStatus.OK, ContributionSchema, example=CONTRIBUTION_EXAMPLE)
@reads_lake
def get(reference: Reference, contribution_id: UUID) -> Response:
    """Read one contribution, whether a later version has replaced it or not."""
    services = current_services()
    view = services.snapshots.view(reference)
    row = services.contributions.get(view, contribution_id)
    return answer(encode_json(row.to_pylist()[0]), JSON, snapshot_id_of(view))


@blueprint.get("/<uuid:contribution_id>/versions")
@documented(blueprint, 404, 422, 429, 503)
@blueprint.arguments(PagedReferenceSchema, **QUERY)
@blueprint.response(
    HTTPStatus.OK,
    VersionListSchema,
    example={
        "versions": [VERSION_EXAMPLE],
        "snapshot_id": "5205699861694616229",
        "next_cursor": None,
    },
)
@reads_lake
def list_versions(paging: dict[str, Any], contribution_id: UUID) -> dict[str, Any]:
    """List every version of the conversation of a contribution, oldest first.

    They are those with the same submitter_id and ingest_id as of the moment, each with the snapshot
    that added it. Each replaced the one before; the last one is current.
    """
    place = ContributionCursor.parse(paging["cursor"]) if "cursor" in paging else None
    services = current_services()
    view = services.snapshots.view(
        place.stay(paging["reference"]) if place else paging["reference"]
    )
    limit = page_rows(paging.get("limit"))
    after = place.last_id if place else None
    page = services.lineage.page(view, contribution_id, limit, after)
    snapshot_id = snapshot_id_of(view)
    return {
        "versions": page.versions,
        "snapshot_id": snapshot_id,
        "next_cursor": _next(snapshot_id, page.last_id),
    }


def _page(
    media_type: str,
    reference: Reference,
    filters: Filters,
    limit: int | None = None,
    cursor: str | None = None,
    sort: str | None = None,
    columns: Sequence[str] = EVERY_COLUMN,
) -> Response:
    services = current_services()
    place = ContributionCursor.parse(cursor) if cursor else None
    if place:
        place.keep(sort)
    newest_first = place.newest_first if place else sort == NEWEST_FIRST
    view = services.snapshots.view(place.stay(reference) if place else reference)
    after = place.last_id if place else None
    page = services.contributions.page(
        view, filters, page_rows(limit), after, columns, newest_first=newest_first
    )
    snapshot_id = snapshot_id_of(view)
    following = _next(snapshot_id, page.last_id, newest_first=newest_first)
    if media_type == JSON:
        body: Body = encode_json(
            {
                "contributions": page.rows.to_pylist(),
                "snapshot_id": snapshot_id,
                "next_cursor": following,
            }
        )
    else:
        body = STREAMS[media_type](page.rows.to_batches(), page.rows.schema)
    response = answer(body, media_type, snapshot_id)
    if following:
        parameters = urlencode({**request.args.to_dict(), "cursor": following})
        response.headers["Link"] = f'<{request.path}?{parameters}>; rel="next"'
    return response


def _next(
    snapshot_id: str | None, last_id: str | None, *, newest_first: bool = False
) -> str | None:
    if snapshot_id is None or last_id is None:
        return None
    return str(ContributionCursor(snapshot_id, last_id, newest_first))
