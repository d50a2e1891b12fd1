"""How many contributions and turns there are."""

from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask_smorest import Blueprint

from app.api.answers import TRUNCATED_HEADER, Body, answer, snapshot_id_of
from app.api.docs import documented, in_every_stream
from app.api.formats import JSON, STREAMS, encode_json, negotiate
from app.api.reads import reads_lake
from app.api.schemas.reference import QUERY
from app.api.schemas.stats import STATS_EXAMPLE, StatsQuerySchema, StatsSchema
from app.services import current_services

blueprint = Blueprint("stats", __name__, url_prefix="/v1/stats", description="Counts")


@blueprint.get("")
@documented(blueprint, 404, 406, 422, 429, 503)
@blueprint.arguments(StatsQuerySchema, **QUERY)
@in_every_stream(blueprint)
@blueprint.response(HTTPStatus.OK, StatsSchema, content_type=JSON, example=STATS_EXAMPLE)
@reads_lake
def count(query: dict[str, Any]) -> Response:
    """Count contributions and turns by day, source, agent, contributor or rating.

    What has no value is a group of its own, null: so all anonymous contributors are one. Where
    there are more groups than the service tells, the smallest are left out; `truncated` says so in
    JSON, and the header `Chatlake-Truncated-By: max_groups` in every form.
    """
    media_type = negotiate(request)
    services = current_services()
    view = services.snapshots.view(query["reference"])
    stats = services.statistics.count(view, query["filters"], query["by"])
    if media_type == JSON:
        body: Body = encode_json(
            {
                "by": query["by"],
                "groups": stats.groups.to_pylist(),
                "total_groups": stats.total_groups,
                "truncated": stats.truncated,
                "snapshot_id": snapshot_id_of(view),
            }
        )
    else:
        body = STREAMS[media_type](stats.groups.to_batches(), stats.groups.schema)
    response = answer(body, media_type, snapshot_id_of(view))
    if stats.truncated:
        response.headers[TRUNCATED_HEADER] = "max_groups"
    return response
