"""The view that counts contributions and turns."""

from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask_smorest import Blueprint

from app.api.access import current_audience
from app.api.answers import TRUNCATED_HEADER, page, snapshot_id_of
from app.api.docs import KEYED, documented, in_every_stream
from app.api.formats import JSON, negotiate
from app.api.reads import reads_lake
from app.api.schemas.reference import QUERY
from app.api.schemas.stats import STATS_EXAMPLE, StatsQuerySchema, StatsSchema
from app.services import current_services

blueprint = Blueprint("stats", __name__, url_prefix="/v1/stats", description="Counts")


@blueprint.get("")
@documented(blueprint, *KEYED, 404, 406, 422, 429, 503)
@blueprint.arguments(StatsQuerySchema, **QUERY)
@in_every_stream(blueprint)
@blueprint.response(HTTPStatus.OK, StatsSchema, content_type=JSON, example=STATS_EXAMPLE)
@reads_lake
def count(query: dict[str, Any]) -> Response:
    """Count contributions and turns by day, source, agent, contributor, rating or model.

    Contributions without a value are in a group of their own, null; so all anonymous contributors
    are one group. When there are more groups than the service's limit, the smallest are left out;
    `truncated` says so in JSON, and the header `Chatlake-Truncated-By: max_groups` in every form.
    """
    media_type = negotiate(request)
    services = current_services()
    view = services.reading.snapshots.view(query["reference"], current_audience())
    stats = services.reading.statistics.count(view, query["filters"], query["by"])
    snapshot_id = snapshot_id_of(view)
    response = page(
        stats.groups,
        media_type,
        snapshot_id,
        lambda groups: {
            "by": query["by"],
            "groups": groups,
            "total_groups": stats.total_groups,
            "truncated": stats.truncated,
            "snapshot_id": snapshot_id,
        },
    )
    if stats.truncated:
        response.headers[TRUNCATED_HEADER] = "max_groups"
    return response
