"""The pages of a contributor's own contributions: see, take along, change, withdraw."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, render_template, request, url_for
from marshmallow import RAISE, Schema
from webargs.flaskparser import use_kwargs

from app.access.contributors.keys import bearer_token
from app.access.takedowns.records import requester
from app.access.visibility.audience import OWNERS, PUBLIC
from app.api.access import current_api_key, current_owner
from app.api.paging import ContributionCursor
from app.api.reads import reads_lake
from app.api.schemas.paging import cursor_field
from app.api.schemas.selection import NEWEST_FIRST
from app.api.views.contributions import streamed
from app.api.views.contributors import new_contributor
from app.query.contributions.marking import HiddenMarking
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import current_services
from app.site.downloads import FORMS, as_file, form_of
from app.site.rendering.turns import beginning
from catalog.columns.rows import plain_rows
from catalog.schema import CONVERSATION, ID

blueprint = Blueprint("me", __name__)

_PAGE_ROWS: Final = 25
_COLUMNS: Final = (ID, "conversation_id", "received_at", "source", "title", CONVERSATION)
_WITHDRAWALS: Final = 20
"""Newest withdrawals that the page lists."""


class PageSchema(Schema):
    """A page of one's own contributions."""

    class Meta:
        """A misspelt parameter would silently show something else."""

        unknown = RAISE

    cursor = cursor_field()


@blueprint.get("/me")
@use_kwargs(PageSchema, location="query", unknown=None)
@reads_lake
def show(cursor: str | None = None) -> Response:
    """Show what belongs to the contributor key of the request; without one, how to get one."""
    has_api_key = current_api_key() is not None
    if has_api_key or bearer_token(request.headers.get("Authorization")) is None:
        settings = current_services().settings
        return Response(
            render_template(
                "me/welcome.html",
                has_api_key=has_api_key,
                needs_api_key=settings.ingest_access == "keys",
                terms_version=settings.terms_version if settings.require_terms else None,
            )
        )
    place = ContributionCursor.parse(cursor) if cursor else None
    if place:
        place.check_sort(NEWEST_FIRST)
    return _private(Response(_page(current_owner(), place)))


@blueprint.get("/me/download/<form>")
@reads_lake
def download(form: str) -> Response:
    """Send everything of the contributor key of the request, in every version, as a file."""
    file_form = form_of(form)
    filters = Filters(contributor_id=current_owner(), all_versions=True)
    marking = HiddenMarking(current_services().reading.snapshots.hidden(PUBLIC))
    selection = {"reference": Reference(), "filters": filters}
    response = streamed(file_form.media_type, selection, OWNERS, marking)
    return _private(as_file(response, "my-contributions", file_form))


@blueprint.post("/me/key")
def make_key() -> Response:
    """Make a contributor key, as `POST /v1/contributors` does, and show it once."""
    return _private(
        Response(render_template("me/key.html", **new_contributor()), HTTPStatus.CREATED)
    )


@blueprint.post("/me/withdraw")
@reads_lake
def withdraw_all() -> Response:
    """Withdraw everything of the contributor key of the request, as `DELETE /v1/me` does."""
    takedown = current_services().takedown.withdrawals.withdraw_all(current_owner())
    page = render_template("me/withdrawn.html", takedown=takedown)
    return Response(page, HTTPStatus.ACCEPTED)


def _page(owner: str, place: ContributionCursor | None) -> str:
    """Return a page of an owner's contributions, newest first.

    Args:
        owner: Their contributor_id.
        place: The place after which the page begins; None for the newest contribution.
    """
    services = current_services()
    view = services.reading.snapshots.view(place.pin(Reference()) if place else Reference(), OWNERS)
    found = services.reading.contributions.page(
        view,
        Filters(contributor_id=owner, all_versions=True),
        _PAGE_ROWS,
        place.last_id if place else None,
        _COLUMNS,
        newest_first=True,
    )
    marked = HiddenMarking(services.reading.snapshots.hidden(PUBLIC)).add_to(found.rows, _COLUMNS)
    rows = [row for batch in marked.to_batches() for row in plain_rows(batch)]
    for row in rows:
        row["beginning"] = beginning(row.pop(CONVERSATION))
    following = None
    if view.snapshot is not None and found.last_id is not None:
        snapshot_id = str(view.snapshot.snapshot_id)
        following = str(ContributionCursor(snapshot_id, found.last_id, newest_first=True))
    return render_template(
        "me/page.html",
        owner=owner,
        rows=rows,
        latest=services.reading.lineage.latest(
            view, {row[ID]: row["conversation_id"] for row in rows}
        ),
        following=following,
        is_first=place is None,
        withdrawals=services.access.takedowns.requested_by(requester(owner), _WITHDRAWALS),
        forms=FORMS,
        addresses={name: url_for("me.download", form=name) for name in FORMS},
    )


def _private(response: Response) -> Response:
    """Keep caches from keeping what belongs to one person."""
    response.headers["Cache-Control"] = "private, no-store"
    response.vary.add("Authorization")
    return response
