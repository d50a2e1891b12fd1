"""The page on which people search and filter contributions, count them, and take them with them."""

from datetime import UTC
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, redirect, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug import Response as WerkzeugResponse

from app.api.access import current_audience, may, require
from app.api.answers import stream
from app.api.errors import status_of
from app.api.paging import ContributionCursor, page_rows
from app.api.reads import ReadTimeout, reads_lake
from app.api.schemas.selection import NEWEST_FIRST
from app.query.browsing.exploring import Found, Question, Rows
from app.query.filters import NULLABLE_COLUMNS
from app.services import current_services
from app.site.downloads import FORMS, as_file, form_of
from app.site.exploring.query import MOMENT, STAGE, ExploreQuery
from app.site.exploring.sql import query_of
from app.site.exploring.words import LABELS, SHOWN_PARAMETERS, STAGE_SAYS
from app.site.rendering.periods import periods_of
from catalog.columns.rows import every_column, plain_rows
from catalog.errors import Gone, NotFound
from catalog.snapshots import Snapshot
from catalog.stages.tables import STAGES, Stage

blueprint = Blueprint("explore", __name__)

PAGE_ROWS: Final = 20
"""Contributions in a page, unless the address says otherwise."""
MOMENTS: Final = 100
"""Moments that the slider over the history offers."""

Page = WerkzeugResponse | str | tuple[str, int]


@blueprint.get("/explore")
@reads_lake
def show() -> Page:
    """Show a page of contributions, with a form to choose them by."""
    query = ExploreQuery.parse(request.args)
    if "" in request.args.values() and not query.errors:
        # A form sends its empty fields, too; the address without them is the one to share.
        return redirect(url_for("explore.show", **query.as_given()))
    stage = _stage(query)
    if query.errors:
        return _refused(query, stage, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        found = _found(query, stage)
    except ValidationError as error:
        wrong = query.with_error(error)
        return _refused(wrong, stage, HTTPStatus.UNPROCESSABLE_ENTITY)
    except (NotFound, Gone, ReadTimeout) as error:
        return _refused(query, stage, status_of(error), str(error))
    return _page(query, stage, found)


@blueprint.get("/explore/facets")
@reads_lake
def facets() -> Page:
    """Show the counts beside the contributions, which may take longer than these."""
    query = ExploreQuery.parse(request.args)
    stage = _stage(query)
    if query.errors:
        return _refused(query, stage, HTTPStatus.UNPROCESSABLE_ENTITY)
    counts, problem, status = None, "", HTTPStatus.OK
    try:
        counts = current_services().reading.explorer.count(
            _question(query, stage), current_audience()
        )
    except (NotFound, Gone, ReadTimeout) as error:
        problem, status = str(error), status_of(error)
    page = render_template(
        "explore/facets.html",
        **_common(query, stage),
        counts=counts,
        periods=periods_of(counts.days if counts else ()),
        problem=problem,
    )
    return page, status


@blueprint.get("/explore/download/<form>")
@reads_lake
def download(form: str) -> Response:
    """Send all contributions that a page shows some of, as a file."""
    file_form = form_of(form)
    query = ExploreQuery.parse(request.args)
    stage = _stage(query)
    if query.errors:
        raise ValidationError(dict(query.errors))
    found: Rows = current_services().reading.explorer.rows(
        _question(query, stage), current_audience()
    )
    snapshot_id = str(found.snapshot.snapshot_id) if found.snapshot else None
    as_rows = plain_rows if stage == "raw" else every_column
    response = stream(found.batches, found.schema, file_form.media_type, snapshot_id, as_rows)
    return as_file(response, f"{stage}-{snapshot_id or 'empty'}", file_form)


def _stage(query: ExploreQuery) -> Stage:
    """Return the stage that a page shows: the first that the reader may see, unless it is given.

    Raises:
        KeyMissing: The reader needs a key.
        RoleMissing: The reader's key has another role.
    """
    needed = current_services().access.policy.stage
    may_see = [each for each in STAGES if may(needed(each))]
    stage: Stage = query.stage or (may_see or STAGES)[0]
    require(needed(stage))
    return stage


def _question(query: ExploreQuery, stage: Stage) -> Question:
    return Question(stage, query.reference, query.filters)


def _found(query: ExploreQuery, stage: Stage) -> Found:
    """Return the page of contributions that is asked for.

    Raises:
        ValidationError: The cursor or the limit is wrong.
        LakeError: What `Explorer.page` raises.
    """
    question = _question(query, stage)
    newest_first = query.sort in {None, NEWEST_FIRST}
    last_id = None
    if query.cursor:
        place = ContributionCursor.parse(query.cursor)
        place.check_sort(query.sort)
        newest_first, last_id = place.newest_first, place.last_id
        question = _next_page(question, place)
    return current_services().reading.explorer.page(
        question,
        current_audience(),
        page_rows(query.limit or PAGE_ROWS),
        last_id,
        newest_first=newest_first,
    )


def _next_page(question: Question, place: ContributionCursor) -> Question:
    """Return the question for a later page, which stays on the snapshot of the first."""
    if question.stage == "raw":
        reference = place.pin(question.reference)
        return Question(question.stage, reference, question.filters)
    build = int(place.snapshot_id)
    return Question(question.stage, question.reference, question.filters, build)


def _page(query: ExploreQuery, stage: Stage, found: Found) -> str:
    newest_first = query.sort in {None, NEWEST_FIRST}
    if query.cursor:
        newest_first = ContributionCursor.parse(query.cursor).newest_first
    following = None
    if found.last_id and found.place:
        following = ContributionCursor(str(found.place), found.last_id, newest_first)
    snapshot_id = str(found.snapshot.snapshot_id) if found.snapshot else None
    pinned: dict[str, Any] = query.replacing(
        *MOMENT, "limit", "sort", stage=stage, snapshot_id=snapshot_id
    )
    return render_template(
        "explore/page.html",
        **_common(query, stage) | {"moment": _moment(query, found)},
        found=found,
        newest_first=newest_first,
        counts=found.counts,
        periods=periods_of(found.counts.days if found.counts else ()),
        next_page=query.replacing(stage=stage, cursor=str(following)) if following else None,
        pinned=pinned,
        api_parameters=[
            (name, value) for name, values in pinned.items() if name != STAGE for value in values
        ],
        forms=FORMS,
        addresses=_downloads(pinned),
        sql=_console(query, stage, snapshot_id),
    )


def _console(query: ExploreQuery, stage: Stage, snapshot_id: str | None) -> str | None:
    """Return the address of the console with a query for the same rows; None if it can't ask."""
    if stage != "raw" or snapshot_id is None or not current_services().settings.sql_enabled:
        return None
    asked = query_of(query.filters.contributions)
    return url_for("sql_pages.show", q=asked, snapshot_id=snapshot_id)


def _downloads(parameters: dict[str, Any]) -> dict[str, str]:
    """Return the addresses of files with what a page shows some of, by form."""
    return {name: url_for("explore.download", form=name, **parameters) for name in FORMS}


def _moment(query: ExploreQuery, found: Found) -> str:
    """Return the time that the form shows; "" for now."""
    if found.snapshot is None or not query.names() & {*MOMENT}:
        return ""
    time = found.snapshot.committed_at.astimezone(UTC).replace(tzinfo=None)
    return query.value("as_of").rstrip("Z") or time.isoformat(timespec="milliseconds")


def _refused(
    query: ExploreQuery, stage: Stage, status: HTTPStatus, problem: str = ""
) -> tuple[str, int]:
    """Return the page with what is wrong with the parameters, and the form to put it right."""
    page = render_template(
        "explore/page.html",
        **_common(query, stage),
        found=None,
        problem=problem,
        newest=query.replacing(*MOMENT, stage=stage) if status is HTTPStatus.GONE else None,
    )
    return page, status


def _common(query: ExploreQuery, stage: Stage) -> dict[str, Any]:
    """Return what all of these pages show."""
    return {
        "query": query,
        "stage": stage,
        "stages": STAGES,
        "stage_says": STAGE_SAYS,
        "labels": LABELS,
        "shown_parameters": SHOWN_PARAMETERS,
        "nullable": NULLABLE_COLUMNS,
        "absent": ",".join(query.values("absent")).split(","),
        "moments": _moments(),
        "moment": query.value("as_of"),
    }


def _moments() -> list[Snapshot]:
    """Return the moments of the slider, which tell how many rows the raw table has."""
    services = current_services()
    if not may(services.access.policy.raw):
        return []
    return services.reading.snapshots.spread(MOMENTS, current_audience())
