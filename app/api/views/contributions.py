"""Views that read contributions as of any snapshot."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Response, request
from flask_smorest import Blueprint

from app.access.visibility.audience import Audience
from app.api.access import current_audience
from app.api.answers import answer, page, snapshot_id_of, stream
from app.api.docs import KEYED, documented, in_every_stream
from app.api.formats import JSON, encode_json, negotiate
from app.api.paging import ContributionCursor, link_to_next, page_rows
from app.api.reads import reads_lake
from app.api.schemas.contributions import (
    CONTRIBUTION_EXAMPLE,
    CONTRIBUTION_LIST_EXAMPLE,
    COUNT_EXAMPLE,
    VERSION_LIST_EXAMPLE,
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
from app.query.contributions.marking import UNMARKED, Marking
from app.query.contributions.reader import EVERY_COLUMN
from app.query.snapshots import Reference
from app.services import current_services
from catalog.columns.rows import plain_rows
from catalog.reading.scan import schema_of

blueprint = Blueprint(
    "contributions", __name__, url_prefix="/v1/contributions", description="Reading"
)


@blueprint.get("")
@documented(blueprint, *KEYED, 404, 406, 422, 429, 503)
@blueprint.arguments(PagedSelectionSchema, **QUERY)
@in_every_stream(blueprint)
@blueprint.response(
    HTTPStatus.OK,
    ContributionListSchema,
    content_type=JSON,
    example=CONTRIBUTION_LIST_EXAMPLE,
)
@reads_lake
def list_all(selection: dict[str, Any]) -> Response:
    """Read contributions: a page as JSON, or all of them as a stream.

    JSON comes in pages, in the order of receipt or in the reverse order. NDJSON, an Arrow stream,
    Parquet or CSV, chosen by Accept, come whole, day by day, unless `limit`, `cursor` or `sort`
    asks for a page. A cursor stays on the snapshot and in the order of the first page, whatever is
    committed meanwhile. `Link` names the next page in every form, and `Chatlake-Snapshot-Id` the
    snapshot, with which the answer can be repeated.
    """
    return listed(selection, current_audience())


@blueprint.get("/count")
@documented(blueprint, *KEYED, 404, 422, 429, 503)
@blueprint.arguments(SelectionSchema, **QUERY)
@blueprint.response(HTTPStatus.OK, CountSchema, example=COUNT_EXAMPLE)
@reads_lake
def count(selection: dict[str, Any]) -> dict[str, Any]:
    """Count contributions."""
    services = current_services()
    view = services.reading.snapshots.view(selection["reference"], current_audience())
    return {
        "count": services.reading.contributions.count(view, selection["filters"]),
        "snapshot_id": snapshot_id_of(view),
    }


@blueprint.get("/<uuid:contribution_id>")
@documented(blueprint, *KEYED, 404, 422, 429, 503)
@blueprint.arguments(OneContributionSchema, **QUERY)
@blueprint.response(HTTPStatus.OK, ContributionSchema, example=CONTRIBUTION_EXAMPLE)
@reads_lake
def get(reference: Reference, contribution_id: UUID) -> Response:
    """Read one contribution, whether a later version has replaced it or not."""
    services = current_services()
    view = services.reading.snapshots.view(reference, current_audience())
    row = services.reading.contributions.get(view, contribution_id)
    (plain,) = plain_rows(*row.to_batches())
    return answer(encode_json(plain), JSON, snapshot_id_of(view))


@blueprint.get("/<uuid:contribution_id>/versions")
@documented(blueprint, *KEYED, 404, 422, 429, 503)
@blueprint.arguments(PagedReferenceSchema, **QUERY)
@blueprint.response(HTTPStatus.OK, VersionListSchema, example=VERSION_LIST_EXAMPLE)
@reads_lake
def list_versions(paging: dict[str, Any], contribution_id: UUID) -> dict[str, Any]:
    """List every version of the conversation of a contribution, oldest first.

    Versions have the same conversation_id. Each has the snapshot that added it and replaces the
    version before; the last one is current as of the moment.
    """
    place = ContributionCursor.parse(paging["cursor"]) if "cursor" in paging else None
    services = current_services()
    reference = place.pin(paging["reference"]) if place else paging["reference"]
    view = services.reading.snapshots.view(reference, current_audience())
    limit = page_rows(paging.get("limit"))
    after = place.last_id if place else None
    found = services.reading.lineage.page(view, contribution_id, limit, after)
    snapshot_id = snapshot_id_of(view)
    return {
        "versions": found.versions,
        "snapshot_id": snapshot_id,
        "next_cursor": _next(snapshot_id, found.last_id),
    }


def listed(selection: dict[str, Any], audience: Audience, marking: Marking = UNMARKED) -> Response:
    """Answer with the contributions that a selection names, in the form that Accept asks for.

    Args:
        selection: The parameters of the request.
        audience: Whom the contributions are listed for.
        marking: What the rows get beside their columns.
    """
    media_type = negotiate(request)
    if media_type == JSON or selection.keys() & {"limit", "cursor", "sort"}:
        return _page(media_type, selection, audience, marking)
    return streamed(media_type, selection, audience, marking)


def streamed(
    media_type: str, selection: dict[str, Any], audience: Audience, marking: Marking = UNMARKED
) -> Response:
    """Answer with all contributions that a selection names, as a stream.

    Args:
        media_type: A media type of rows alone.
        selection: The parameters of the request.
        audience: Whom the contributions are listed for.
        marking: What the rows get beside their columns.
    """
    columns = selection.get("columns", EVERY_COLUMN)
    services = current_services()
    view = services.reading.snapshots.view(selection["reference"], audience)
    rows = services.reading.contributions.stream(
        view, selection["filters"], marking.needed(columns)
    )
    shown = (marking.add_to(batch, columns) for batch in rows)
    schema = marking.add_to(schema_of(marking.needed(columns)).empty_table(), columns).schema
    return stream(shown, schema, media_type, snapshot_id_of(view), plain_rows)


def _page(
    media_type: str, selection: dict[str, Any], audience: Audience, marking: Marking
) -> Response:
    services = current_services()
    cursor, sort = selection.get("cursor"), selection.get("sort")
    place = ContributionCursor.parse(cursor) if cursor else None
    if place:
        place.check_sort(sort)
    newest_first = place.newest_first if place else sort == NEWEST_FIRST
    reference = place.pin(selection["reference"]) if place else selection["reference"]
    columns = selection.get("columns", EVERY_COLUMN)
    view = services.reading.snapshots.view(reference, audience)
    found = services.reading.contributions.page(
        view,
        selection["filters"],
        page_rows(selection.get("limit")),
        place.last_id if place else None,
        marking.needed(columns),
        newest_first=newest_first,
    )
    snapshot_id = snapshot_id_of(view)
    following = _next(snapshot_id, found.last_id, newest_first=newest_first)
    response = page(
        marking.add_to(found.rows, columns),
        media_type,
        snapshot_id,
        lambda rows: {
            "contributions": rows,
            "snapshot_id": snapshot_id,
            "next_cursor": following,
        },
        plain_rows,
    )
    if following:
        response.headers["Link"] = link_to_next(following)
    return response


def _next(
    snapshot_id: str | None, last_id: str | None, *, newest_first: bool = False
) -> str | None:
    if snapshot_id is None or last_id is None:
        return None
    return str(ContributionCursor(snapshot_id, last_id, newest_first))
