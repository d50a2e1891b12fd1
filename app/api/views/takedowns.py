"""Views of takedowns: contributors withdraw what is theirs, moderators take down, mirrors follow.

A request records what is to go, and hides it at once. The committer's process erases it.
"""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from flask_smorest import Blueprint

from app.access.errors import TakedownNotFound
from app.access.permissions.policy import MODERATE
from app.access.takedowns.feed import FEED_START, FeedPosition
from app.access.takedowns.records import Takedown, requester
from app.api.access import current_key_name, current_owner, may
from app.api.body import ENCODINGS
from app.api.docs import ALWAYS_KEYED, KEYED, documented
from app.api.formats import JSON
from app.api.paging import FeedCursor, page_rows
from app.api.reads import reads_lake
from app.api.schemas.reference import QUERY
from app.api.schemas.takedowns import (
    FEED_EXAMPLE,
    TAKEDOWN_EXAMPLE,
    TAKEDOWN_LIST_EXAMPLE,
    TAKEDOWN_REQUEST_EXAMPLE,
    FeedQuerySchema,
    FeedSchema,
    TakedownListSchema,
    TakedownRequestSchema,
    TakedownSchema,
)
from app.api.small_bodies import read_small_body
from app.api.views.contributors import OWNER_PARAMETERS
from app.services import current_services

blueprint = Blueprint("takedowns", __name__, url_prefix="/v1", description="Takedown")

MAX_TAKEDOWN_ID: Final = 2**63 - 1
"""The highest number that a database has for an id."""

_OWN: Final = {"parameters": [*OWNER_PARAMETERS]}
_BODY: Final = {
    "required": True,
    "description": f"What to take down, as it is or compressed ({', '.join(ENCODINGS)})",
    "content": {JSON: {"schema": TakedownRequestSchema, "example": TAKEDOWN_REQUEST_EXAMPLE}},
}


@blueprint.delete("/contributions/<uuid:contribution_id>")
@documented(blueprint, *KEYED, 404, 422, 429, 503, **_OWN)
@blueprint.response(HTTPStatus.ACCEPTED, TakedownSchema, example=TAKEDOWN_EXAMPLE)
@reads_lake
def withdraw(contribution_id: UUID) -> dict[str, Any]:
    """Withdraw one of one's own contributions, with the versions that it replaced.

    From this answer on nobody sees it, and within minutes no file holds it. What was sent and isn't
    committed yet can be withdrawn too. Its conversation and its content are not taken again.
    """
    services = current_services()
    return _shown(services.takedown.withdrawals.withdraw(current_owner(), str(contribution_id)))


@blueprint.delete("/me")
@documented(blueprint, *KEYED, 404, 422, 429, 503, **_OWN)
@blueprint.response(HTTPStatus.ACCEPTED, TakedownSchema, example=TAKEDOWN_EXAMPLE)
@reads_lake
def withdraw_all() -> dict[str, Any]:
    """Withdraw everything that one has contributed, in every version."""
    return _shown(current_services().takedown.withdrawals.withdraw_all(current_owner()))


@blueprint.post("/takedowns")
@documented(
    blueprint,
    *KEYED,
    *(400, 404, 408, 413, 415, 422, 429, 503),
    security=ALWAYS_KEYED,
    requestBody=_BODY,
)
@blueprint.response(HTTPStatus.ACCEPTED, TakedownListSchema, example=TAKEDOWN_LIST_EXAMPLE)
@reads_lake
def take_down() -> dict[str, Any]:
    """Take down contributions, conversations or all that contributors sent, with a moderator's key.

    A contribution goes with the versions that it replaced, and a conversation with all of its
    versions. When the lake has nothing of one of the ids, nothing is taken down.
    """
    asked = read_small_body(TakedownRequestSchema())
    recorded = current_services().moderation.service.take_down(
        asked["kind"], asked["ids"], current_key_name(), asked["reason"]
    )
    return {"takedowns": list(map(_shown, recorded))}


@blueprint.get("/takedowns")
@documented(blueprint, *KEYED, 404, 422, 429, 503)
@blueprint.arguments(FeedQuerySchema, **QUERY)
@blueprint.response(HTTPStatus.OK, FeedSchema, example=FEED_EXAMPLE)
def list_taken_down(query: dict[str, Any]) -> dict[str, Any]:
    """List the contributions that were taken down, in this order: what mirrors have to delete.

    There are ids and times, and nothing else. An id stays in the list for ever, and `next_cursor`
    is the place to go on from at any later time.
    """
    feed = current_services().access.takedown_feed
    page = feed.page(_position(query), page_rows(query.get("limit")))
    return {"taken_down": page.entries, "next_cursor": str(FeedCursor(page.end)), "more": page.more}


@blueprint.get("/takedowns/<int:takedown_id>")
@documented(blueprint, *KEYED, 404, 422, 429, 503, **_OWN)
@blueprint.response(HTTPStatus.OK, TakedownSchema, example=TAKEDOWN_EXAMPLE)
def get(takedown_id: int) -> dict[str, Any]:
    """Tell the state of a takedown to whoever asked for it, and to moderators."""
    asks = None if may(MODERATE) else requester(current_owner())
    if takedown_id > MAX_TAKEDOWN_ID:
        raise TakedownNotFound(takedown_id)
    found = current_services().access.takedowns.find(takedown_id)
    if found is None or asks not in {None, found.requested_by}:
        raise TakedownNotFound(takedown_id)
    return _shown(found)


def _position(query: dict[str, Any]) -> FeedPosition:
    if "cursor" in query:
        return FeedCursor.parse(query["cursor"]).position
    if "since" in query:
        return current_services().access.takedown_feed.at(query["since"])
    return FEED_START


def _shown(takedown: Takedown) -> dict[str, Any]:
    return asdict(takedown) | {"state": "erased" if takedown.erased_at else "erasing"}
