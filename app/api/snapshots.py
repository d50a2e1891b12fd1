"""The snapshots of the lake."""

from http import HTTPStatus
from typing import Any

from flask_smorest import Blueprint

from app.api.docs import SNAPSHOT_EXAMPLE, SNAPSHOT_ID_PARAMETER, documented
from app.api.paging import page_rows, parse_sequence_number
from app.api.schemas.paging import PagingSchema
from app.api.schemas.reference import QUERY, ReferenceSchema
from app.api.schemas.snapshots import SnapshotListSchema, SnapshotSchema
from app.query.reference import find_snapshot, list_snapshots
from app.services import current_services
from catalog.snapshots import Snapshot

blueprint = Blueprint("snapshots", __name__, url_prefix="/v1/snapshots", description="History")


@blueprint.get("")
@documented(blueprint, 422, 503)
@blueprint.arguments(PagingSchema, **QUERY)
@blueprint.response(
    HTTPStatus.OK,
    SnapshotListSchema,
    example={"snapshots": [SNAPSHOT_EXAMPLE], "next_cursor": "3"},
)
def list_all(paging: dict[str, Any]) -> dict[str, Any]:
    """List every snapshot ever committed, newest first."""
    limit = page_rows(paging.get("limit"))
    before = parse_sequence_number(paging["cursor"]) if "cursor" in paging else None
    snapshots = list_snapshots(current_services().database, limit + 1, before)
    shown = snapshots[:limit]
    more = len(snapshots) > limit
    return {
        "snapshots": shown,
        "next_cursor": str(shown[-1].sequence_number) if more else None,
    }


@blueprint.get("/<snapshot_id>", parameters=[SNAPSHOT_ID_PARAMETER])
@documented(blueprint, 404, 422, 503)
@blueprint.response(HTTPStatus.OK, SnapshotSchema, example=SNAPSHOT_EXAMPLE)
def get(snapshot_id: str) -> Snapshot:
    """Describe one snapshot."""
    loaded = ReferenceSchema().load({"snapshot_id": snapshot_id})
    return find_snapshot(current_services().database, loaded["snapshot_id"])
