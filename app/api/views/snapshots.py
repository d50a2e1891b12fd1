"""Views of the lake's snapshots and their differences."""

from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask_smorest import Blueprint

from app.api.access import current_audience
from app.api.answers import answer, stream
from app.api.docs import KEYED, documented, in_every_stream
from app.api.formats import JSON, encode_json, negotiate
from app.api.paging import page_rows, parse_sequence_number
from app.api.reads import reads_lake
from app.api.schemas.paging import PagingSchema
from app.api.schemas.reference import QUERY
from app.api.schemas.snapshots import (
    DIFF_EXAMPLE,
    DIFF_PARAMETERS,
    SNAPSHOT_EXAMPLE,
    SNAPSHOT_ID_PARAMETER,
    SNAPSHOT_LIST_EXAMPLE,
    DiffPathSchema,
    DiffQuerySchema,
    DiffSchema,
    SnapshotListSchema,
    SnapshotPathSchema,
    SnapshotSchema,
)
from app.query.history.diff import DIFF_SCHEMA, Diff
from app.services import current_services
from catalog.snapshots import Snapshot

blueprint = Blueprint("snapshots", __name__, url_prefix="/v1/snapshots", description="History")


@blueprint.get("")
@documented(blueprint, *KEYED, 422, 429, 503)
@blueprint.arguments(PagingSchema, **QUERY)
@blueprint.response(HTTPStatus.OK, SnapshotListSchema, example=SNAPSHOT_LIST_EXAMPLE)
def list_all(paging: dict[str, Any]) -> dict[str, Any]:
    """List every snapshot ever committed, newest first."""
    limit = page_rows(paging.get("limit"))
    before = parse_sequence_number(paging["cursor"]) if "cursor" in paging else None
    snapshots = current_services().reading.snapshots.page(limit + 1, before, current_audience())
    shown = snapshots[:limit]
    more = len(snapshots) > limit
    return {
        "snapshots": shown,
        "next_cursor": str(shown[-1].sequence_number) if more else None,
    }


@blueprint.get("/<snapshot_id>", parameters=[SNAPSHOT_ID_PARAMETER])
@documented(blueprint, *KEYED, 404, 422, 429, 503)
@blueprint.response(HTTPStatus.OK, SnapshotSchema, example=SNAPSHOT_EXAMPLE)
def get(snapshot_id: str) -> Snapshot:
    """Describe one snapshot."""
    loaded = SnapshotPathSchema().load({"snapshot_id": snapshot_id})
    return current_services().reading.snapshots.find(loaded["snapshot_id"], current_audience())


@blueprint.get("/<before>/diff/<after>", parameters=[*DIFF_PARAMETERS])
@documented(blueprint, *KEYED, 404, 406, 422, 429, 503)
@blueprint.arguments(DiffQuerySchema, **QUERY)
@in_every_stream(blueprint)
@blueprint.response(HTTPStatus.OK, DiffSchema, content_type=JSON, example=DIFF_EXAMPLE)
@reads_lake
def diff(query: dict[str, Any], before: str, after: str) -> Response:
    """Compare a snapshot with a later one.

    JSON has the counts and the first rows; NDJSON, an Arrow stream, Parquet or CSV, chosen by
    Accept, have all rows, or the first `limit`. Rows are in the order of contribution ids.
    """
    media_type = negotiate(request)
    moments = DiffPathSchema().load({"before": before, "after": after})
    limit = query.get("limit")
    max_rows = page_rows(limit) if media_type == JSON or limit else None
    found = current_services().reading.diffs.between(
        moments["before"], moments["after"], max_rows, current_audience()
    )
    if media_type == JSON:
        return answer(encode_json(_shown(found)), JSON, str(found.after.snapshot_id))
    return stream(found.rows, DIFF_SCHEMA, media_type, str(found.after.snapshot_id))


def _shown(diff: Diff) -> dict[str, Any]:
    rows = [row for batch in diff.rows for row in batch.to_pylist()]
    shown: dict[str, Any] = DiffSchema().dump(
        {
            "before": diff.before,
            "after": diff.after,
            "added": diff.added,
            "replaced": diff.replaced,
            "taken_down": diff.taken_down,
            "rows": rows,
            "rows_truncated": len(rows) < diff.added + diff.replaced,
        }
    )
    return shown
