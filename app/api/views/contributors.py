"""Views of contributors: new keys, and what belongs to whoever has one."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from flask import Response
from flask_smorest import Blueprint

from app.access.contributors.keys import AUTHORIZATION, SUBMITTER_HEADER, new_contributor_key
from app.access.visibility.audience import OWNERS, PUBLIC
from app.api.access import current_credentials, current_owner
from app.api.docs import KEYED, documented, in_every_stream
from app.api.formats import JSON, encode_json
from app.api.reads import reads_lake
from app.api.schemas.contributions import CONTRIBUTION_LIST_EXAMPLE
from app.api.schemas.contributors import CONTRIBUTOR_EXAMPLE, ContributorSchema, OwnListSchema
from app.api.schemas.reference import QUERY
from app.api.schemas.selection import OwnSelectionSchema
from app.api.views.contributions import listed
from app.query.contributions.marking import HiddenMarking
from app.services import current_services

blueprint = Blueprint("contributors", __name__, url_prefix="/v1", description="Contributors")

OWNER_PARAMETERS: Final = (
    {
        "in": "header",
        "name": AUTHORIZATION,
        "description": "`Bearer` and the contributor key, a client's own `submitter_id`, or the "
        "API key with which the contributions were sent",
        "schema": {"type": "string"},
    },
    {
        "in": "header",
        "name": SUBMITTER_HEADER,
        "description": "With an API key: the `submitter_id` of the contributor that is meant, "
        "percent-encoded",
        "schema": {"type": "string"},
    },
)
"""The headers of requests for what belongs to a contributor."""


@blueprint.post("/contributors")
@documented(blueprint, *KEYED, 400, 429, 503)
@blueprint.response(HTTPStatus.CREATED, ContributorSchema, example=CONTRIBUTOR_EXAMPLE)
def create() -> Response:
    """Make a contributor key.

    Sent as `submitter_id` or as `Authorization: Bearer`, it makes submissions the contributor's
    own. It is random and stored nowhere: who loses it can't replace or list what was sent with it.
    """
    response = Response(encode_json(new_contributor()), HTTPStatus.CREATED, content_type=JSON)
    response.headers["Cache-Control"] = "no-store"
    return response


def new_contributor() -> dict[str, str]:
    """Return a new contributor key and its contributor_id, as `ContributorSchema` has them."""
    key = new_contributor_key()
    namespace = current_credentials().namespace
    contributor_id = current_services().access.ids.contributor_id(key, namespace)
    return {"contributor_key": key, "contributor_id": contributor_id}


@blueprint.get("/me/contributions")
@documented(blueprint, *(401, 403, 404, 406, 422, 429, 503), parameters=[*OWNER_PARAMETERS])
@blueprint.arguments(OwnSelectionSchema, **QUERY)
@in_every_stream(blueprint)
@blueprint.response(
    HTTPStatus.OK, OwnListSchema, content_type=JSON, example=CONTRIBUTION_LIST_EXAMPLE
)
@reads_lake
def list_own(selection: dict[str, Any]) -> Response:
    """Read one's own contributions in every version, as `GET /v1/contributions` gives them.

    They are there at once, whatever the embargo is. Those that are hidden from the public have
    `hidden`; what was taken down isn't there.
    """
    services = current_services()
    own = current_owner()
    filters = replace(selection["filters"], contributor_id=own)
    marking = HiddenMarking(services.reading.snapshots.hidden(PUBLIC))
    response = listed({**selection, "filters": filters}, OWNERS, marking)
    response.headers["Cache-Control"] = "private, no-store"
    response.vary.update((AUTHORIZATION, SUBMITTER_HEADER))
    return response
