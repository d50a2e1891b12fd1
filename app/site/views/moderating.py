"""The pages of moderators: what waits for a decision, reviews, bans and the log."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, abort, render_template
from marshmallow import fields, validate
from webargs.flaskparser import use_kwargs

from app.access.moderation.quarantine import STATES, State
from app.api.access import current_key_name
from app.api.paging import parse_sequence_number
from app.api.reads import reads_lake
from app.api.schemas.moderation import (
    MAX_REASON_CHARACTERS,
    BanRequestSchema,
    DecisionSchema,
    LogPagingSchema,
    QuarantineSchema,
    ReviewPagingSchema,
)
from app.api.views.moderation import ban_contributors, lift_ban, parse_id
from app.query.browsing.reviews import Review
from app.services import current_services
from app.site.forms import read_form
from app.site.rendering.turns import TurnRenderer, beginning
from catalog.columns.rows import plain_rows
from catalog.schema import CONVERSATION

blueprint = Blueprint("moderating", __name__, url_prefix="/moderation")

_WAITING: Final = 20
"""Contributions in a page of what waits."""
_LOG_ENTRIES: Final = 50
_MANY_REPORTS: Final = 5
"""Reports of a contribution from which on one list shows what is only reported."""


class OneReviewSchema(ReviewPagingSchema):
    """The part of a conversation under review that a page shows."""

    class Meta(ReviewPagingSchema.Meta):
        """A review is no list."""

        exclude = ("state", "min_reports", "limit", "cursor")

    turn = fields.Integer(load_default=1, validate=validate.Range(min=1, max=2**31))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A contribution that waits for a decision, in a list.

    Attributes:
        review: All that is known of it.
        beginning: How it begins; "" if the lake doesn't have it.
    """

    review: Review
    beginning: str


@blueprint.get("")
@use_kwargs(ReviewPagingSchema, location="query", unknown=None)
@reads_lake
def show(
    cursor: str | None = None,
    state: State | None = None,
    limit: int = _WAITING,
    min_reports: int = 1,
) -> str:
    """List what waits for a decision, in the order of receipt."""
    after = parse_id(cursor) if cursor else None
    page = current_services().moderation.reviews.page(
        min(limit, _WAITING), after, state, min_reports
    )
    return render_template(
        "moderating/waiting.html",
        waiting=[
            Waiting(each, beginning(_row(each).get(CONVERSATION, ()))) for each in page.reviews
        ],
        following=page.last_id,
        is_first=after is None,
        state=state,
        states=STATES,
        min_reports=min_reports,
        many_reports=_MANY_REPORTS,
        max_reason=MAX_REASON_CHARACTERS,
    )


@blueprint.get("/<uuid:contribution_id>")
@use_kwargs(OneReviewSchema, location="query", unknown=None)
@reads_lake
def review(contribution_id: UUID, turn: int) -> str:
    """Show a contribution with its reports and decisions, and take a decision."""
    found = current_services().moderation.reviews.find(contribution_id)
    row = _row(found)
    turns = row[CONVERSATION]
    if turn > len(turns):
        abort(HTTPStatus.NOT_FOUND)
    shown = TurnRenderer().page(turns, turn)
    return render_template(
        "moderating/review.html",
        contribution_id=contribution_id,
        review=found,
        row=row,
        turns=shown,
        count=len(turns),
        first=turn,
        following=shown[-1].number + 1 if shown[-1].number < len(turns) else None,
        max_reason=MAX_REASON_CHARACTERS,
    )


@blueprint.post("/<uuid:contribution_id>/approve")
def approve(contribution_id: UUID) -> str:
    """Show a contribution again."""
    reason = read_form(DecisionSchema())["reason"]
    quarantine = current_services().moderation.service.quarantine
    quarantine.approve(str(contribution_id), current_key_name(), reason)
    return _done("Approved", "The conversation is shown to readers again.")


@blueprint.post("/<uuid:contribution_id>/reject")
@reads_lake
def reject(contribution_id: UUID) -> Response:
    """Have a contribution taken down, with the versions that it superseded."""
    reason = read_form(DecisionSchema())["reason"]
    current_services().moderation.service.reject(str(contribution_id), current_key_name(), reason)
    page = _done("Rejected", "Nobody sees it any more, and within minutes no file holds it.")
    return Response(page, HTTPStatus.ACCEPTED)


@blueprint.post("/quarantine")
@reads_lake
def put_into_quarantine() -> str:
    """Hide contributions until a moderator decides."""
    given = read_form(QuarantineSchema(), lists=("contribution_ids",))
    ids = [str(each) for each in given["contribution_ids"]]
    moderation = current_services().moderation
    added = moderation.service.put_into_quarantine(ids, current_key_name(), given["reason"])
    return _done(
        "Hidden", f"{added} of {len(ids)} were put into quarantine; the others were there."
    )


@blueprint.get("/bans")
def show_bans() -> str:
    """List who is banned."""
    return render_template(
        "moderating/bans.html",
        bans=current_services().access.bans.all(),
        max_reason=MAX_REASON_CHARACTERS,
    )


@blueprint.post("/bans")
@reads_lake
def ban() -> Response:
    """Ban contributors."""
    added = ban_contributors(read_form(BanRequestSchema(), lists=("contributor_ids",)))
    page = _done("Banned", f"{added} were not banned before. What they sent is being hidden.")
    return Response(page, HTTPStatus.ACCEPTED)


@blueprint.post("/bans/<contributor_id>/lift")
def unban(contributor_id: str) -> Response:
    """Lift the ban of a contributor."""
    lift_ban(contributor_id)
    page = _done("Lifted", "What they sent is shown again within seconds.")
    return Response(page, HTTPStatus.ACCEPTED)


@blueprint.get("/log")
@use_kwargs(LogPagingSchema, location="query", unknown=None)
def show_log(cursor: str | None = None, about: str | None = None, limit: int = _LOG_ENTRIES) -> str:
    """List decisions, newest first."""
    before = parse_sequence_number(cursor) if cursor else None
    shown = min(limit, _LOG_ENTRIES)
    entries = current_services().access.moderation_log.page(shown + 1, before, about)
    return render_template(
        "moderating/log.html",
        entries=entries[:shown],
        following=str(entries[shown - 1].entry_id) if len(entries) > shown else None,
        about=about,
        is_first=before is None,
    )


def _row(found: Review) -> dict[str, Any]:
    """Return a contribution under review as answers have it; nothing if the lake hasn't got it."""
    if found.contribution is None:
        return {}
    (row,) = plain_rows(*found.contribution.to_batches())
    return row


def _done(title: str, words: str) -> str:
    return render_template("moderating/done.html", title=title, words=words)
