"""Views of reports and of moderation."""

import re
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from flask import request
from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError

from app.access.moderation.errors import NotBanned
from app.access.moderation.log import Action
from app.access.moderation.quarantine import State
from app.api.access import current_key_name
from app.api.addresses import network_of
from app.api.body import ENCODINGS
from app.api.docs import ALWAYS_KEYED, KEYED, documented
from app.api.formats import JSON
from app.api.paging import page_rows, parse_sequence_number
from app.api.reads import reads_lake
from app.api.schemas.moderation import (
    BAN_LIST_EXAMPLE,
    BAN_REQUEST_EXAMPLE,
    CONTRIBUTOR_ID_PARAMETER,
    CONTRIBUTOR_ID_PATTERN,
    COUNTED_EXAMPLE,
    DECIDED_EXAMPLE,
    DECISION_EXAMPLE,
    LOG_EXAMPLE,
    QUARANTINE_EXAMPLE,
    REPORT_EXAMPLE,
    REPORTED_EXAMPLE,
    REVIEW_EXAMPLE,
    REVIEW_LIST_EXAMPLE,
    UNBANNED_EXAMPLE,
    BanListSchema,
    BanRequestSchema,
    CountedSchema,
    DecidedSchema,
    DecisionSchema,
    LogPagingSchema,
    LogSchema,
    QuarantineSchema,
    ReportedSchema,
    ReportSchema,
    ReviewListSchema,
    ReviewPagingSchema,
    ReviewSchema,
    UnbannedSchema,
)
from app.api.schemas.reference import QUERY
from app.api.small_bodies import read_small_body
from app.query.browsing.reviews import Review
from app.query.snapshots import Reference
from app.services import current_services
from catalog.columns.rows import plain_rows
from catalog.schema import ID

blueprint = Blueprint("moderation", __name__, url_prefix="/v1", description="Moderation")

_CHANGING: Final = (400, 404, 413, 415, 422, 429, 503)
"""The errors of what takes a body and changes something."""


def _body(schema: type[Schema], example: dict[str, Any], *, required: bool = True) -> Any:
    return {
        "required": required,
        "description": f"As it is or compressed ({', '.join(ENCODINGS)})",
        "content": {JSON: {"schema": schema, "example": example}},
    }


@blueprint.post("/contributions/<uuid:contribution_id>/reports")
@documented(blueprint, *KEYED, *_CHANGING, requestBody=_body(ReportSchema, REPORT_EXAMPLE))
@blueprint.response(HTTPStatus.ACCEPTED, ReportedSchema, example=REPORTED_EXAMPLE)
@reads_lake
def report(contribution_id: UUID) -> dict[str, Any]:
    """Report a contribution that shouldn't be public.

    Everybody may report what they can see. One report of a network counts for a contribution;
    others are answered in the same way. No address is stored. Enough reports may hide the
    contribution until a moderator has looked at it.
    """
    given = read_small_body(ReportSchema())
    take_report(contribution_id, given)
    return {"contribution_id": contribution_id, "reason": given["reason"]}


@blueprint.get("/moderation")
@documented(blueprint, *KEYED, 422, 429, 503, security=ALWAYS_KEYED)
@blueprint.arguments(ReviewPagingSchema, **QUERY)
@blueprint.response(HTTPStatus.OK, ReviewListSchema, example=REVIEW_LIST_EXAMPLE)
@reads_lake
def list_waiting(paging: dict[str, Any]) -> dict[str, Any]:
    """List the contributions that wait for a decision, with their texts, in the order of receipt.

    They are in quarantine, and hidden; or readers have reported them, and nobody has decided yet.
    """
    after = parse_id(paging["cursor"]) if "cursor" in paging else None
    state: State | None = paging.get("state")
    least = paging.get("min_reports", 1)
    page = current_services().moderation.reviews.page(
        page_rows(paging.get("limit")), after, state, least
    )
    return {"reviews": [_plain(each) for each in page.reviews], "next_cursor": page.last_id}


@blueprint.get("/moderation/<uuid:contribution_id>")
@documented(blueprint, *KEYED, 404, 429, 503, security=ALWAYS_KEYED)
@blueprint.response(HTTPStatus.OK, ReviewSchema, example=REVIEW_EXAMPLE)
@reads_lake
def show(contribution_id: UUID) -> dict[str, Any]:
    """Show a contribution with all that is known of it, whether it waits for a decision or not."""
    return _plain(current_services().moderation.reviews.find(contribution_id))


@blueprint.post("/moderation/<uuid:contribution_id>/approve")
@documented(
    blueprint,
    *KEYED,
    *_CHANGING,
    security=ALWAYS_KEYED,
    requestBody=_body(DecisionSchema, DECISION_EXAMPLE, required=False),
)
@blueprint.response(HTTPStatus.OK, DecidedSchema, example=DECIDED_EXAMPLE)
def approve(contribution_id: UUID) -> dict[str, Any]:
    """Show a contribution again. Reports for the same reasons don't hide it another time."""
    reason = _read_decision()
    quarantine = current_services().moderation.service.quarantine
    quarantine.approve(str(contribution_id), current_key_name(), reason)
    return _decided(contribution_id, "approve")


@blueprint.post("/moderation/<uuid:contribution_id>/reject")
@documented(
    blueprint,
    *KEYED,
    *_CHANGING,
    security=ALWAYS_KEYED,
    requestBody=_body(DecisionSchema, DECISION_EXAMPLE, required=False),
)
@blueprint.response(HTTPStatus.ACCEPTED, DecidedSchema, example=DECIDED_EXAMPLE)
@reads_lake
def reject(contribution_id: UUID) -> dict[str, Any]:
    """Have a contribution taken down, with the versions that it superseded."""
    reason = _read_decision()
    current_services().moderation.service.reject(str(contribution_id), current_key_name(), reason)
    return _decided(contribution_id, "reject")


@blueprint.post("/moderation/quarantine")
@documented(
    blueprint,
    *KEYED,
    *_CHANGING,
    security=ALWAYS_KEYED,
    requestBody=_body(QuarantineSchema, QUARANTINE_EXAMPLE),
)
@blueprint.response(HTTPStatus.OK, CountedSchema, example=COUNTED_EXAMPLE)
@reads_lake
def put_into_quarantine() -> dict[str, Any]:
    """Hide contributions, and the versions that they superseded, until a moderator decides.

    When one of them isn't in the lake, none is hidden.
    """
    given = read_small_body(QuarantineSchema())
    ids = [str(each) for each in given["contribution_ids"]]
    moderation = current_services().moderation
    return {
        "added": moderation.service.put_into_quarantine(ids, current_key_name(), given["reason"])
    }


@blueprint.get("/moderation/log")
@documented(blueprint, *KEYED, 422, 429, 503, security=ALWAYS_KEYED)
@blueprint.arguments(LogPagingSchema, **QUERY)
@blueprint.response(HTTPStatus.OK, LogSchema, example=LOG_EXAMPLE)
def list_log(paging: dict[str, Any]) -> dict[str, Any]:
    """List decisions, newest first: who, what, about what, when and why."""
    before = parse_sequence_number(paging["cursor"]) if "cursor" in paging else None
    limit = page_rows(paging.get("limit"))
    entries = current_services().access.moderation_log.page(limit + 1, before, paging.get("about"))
    shown = entries[:limit]
    following = str(shown[-1].entry_id) if len(entries) > limit else None
    return {"entries": shown, "next_cursor": following}


@blueprint.get("/moderation/bans")
@documented(blueprint, *KEYED, 429, 503, security=ALWAYS_KEYED)
@blueprint.response(HTTPStatus.OK, BanListSchema, example=BAN_LIST_EXAMPLE)
def list_bans() -> dict[str, Any]:
    """List everybody who is banned."""
    return {"bans": current_services().access.bans.all()}


@blueprint.post("/moderation/bans")
@documented(
    blueprint,
    *KEYED,
    *_CHANGING,
    security=ALWAYS_KEYED,
    requestBody=_body(BanRequestSchema, BAN_REQUEST_EXAMPLE),
)
@blueprint.response(HTTPStatus.ACCEPTED, CountedSchema, example=COUNTED_EXAMPLE)
@reads_lake
def ban() -> dict[str, Any]:
    """Ban contributors: nothing of theirs is taken any more, and what they sent is hidden.

    Both hold within seconds; in a large lake, it takes longer to find what they sent.
    """
    return {"added": ban_contributors(read_small_body(BanRequestSchema()))}


@blueprint.delete("/moderation/bans/<contributor_id>")
@documented(
    blueprint,
    *KEYED,
    *(404, 429, 503),
    security=ALWAYS_KEYED,
    parameters=[CONTRIBUTOR_ID_PARAMETER],
)
@blueprint.response(HTTPStatus.ACCEPTED, UnbannedSchema, example=UNBANNED_EXAMPLE)
def unban(contributor_id: str) -> dict[str, Any]:
    """Lift the ban of a contributor: what they sent is shown again, within seconds."""
    lift_ban(contributor_id)
    return {"contributor_id": contributor_id}


def take_report(contribution_id: UUID, given: dict[str, Any]) -> None:
    """Take a report of whoever sends the current request.

    Args:
        contribution_id: The contribution.
        given: What `ReportSchema` loads.

    Raises:
        NotFound: The public can't see the contribution.
        TooManyReports: The reporter has sent too many in a day.
    """
    services = current_services()
    # What the public can't see, or not yet, isn't found.
    services.reading.contributions.get(
        services.reading.snapshots.view(Reference()), contribution_id, [ID]
    )
    reporter = services.access.ids.reporter_id(network_of(request.remote_addr))
    services.moderation.service.report(
        str(contribution_id), given["reason"], given["comment"], reporter
    )


def ban_contributors(given: dict[str, Any]) -> int:
    """Ban contributors in the name of the current key, and return how many weren't banned before.

    Args:
        given: What `BanRequestSchema` loads.
    """
    services, actor = current_services(), current_key_name()
    ids, reason = given["contributor_ids"], given["reason"]
    added = services.access.bans.ban(ids, actor=actor, reason=reason, takedown=given["takedown"])
    if given["takedown"]:
        services.moderation.service.take_down_contributors(ids, actor, reason)
    return added


def lift_ban(contributor_id: str) -> None:
    """Lift the ban of a contributor in the name of the current key.

    Raises:
        NotBanned: They aren't banned.
    """
    if not re.fullmatch(CONTRIBUTOR_ID_PATTERN, contributor_id):
        raise NotBanned([contributor_id])
    current_services().access.bans.lift([contributor_id], actor=current_key_name(), reason=None)


def _read_decision() -> str | None:
    reason: str | None = read_small_body(DecisionSchema(), empty=b"{}")["reason"]
    return reason


def parse_id(cursor: str) -> str:
    """Read the cursor of the list of what waits, which is a contribution_id.

    Raises:
        ValidationError: The text isn't a cursor of this list.
    """
    try:
        return str(UUID(cursor))
    except ValueError:
        raise ValidationError("Not a cursor of this list.", "cursor") from None


def _decided(contribution_id: UUID, action: Action) -> dict[str, Any]:
    return {"contribution_id": contribution_id, "action": action}


def _plain(review: Review) -> dict[str, Any]:
    rows = [] if review.contribution is None else review.contribution.to_batches()
    plain = [row for batch in rows for row in plain_rows(batch)]
    return {
        "contribution_id": review.contribution_id,
        "causes": review.causes,
        "reports": review.reports,
        "open_reports": review.open_reports,
        "scores": review.scores,
        "log": review.log,
        "contribution": plain[0] if plain else None,
    }
