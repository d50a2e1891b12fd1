"""The page of a conversation: what was said, what is known of it, and what became of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
from flask import Blueprint, Response, abort, render_template, request
from marshmallow import RAISE, Schema, fields, validate
from webargs.flaskparser import use_kwargs

from app.access.contributors.keys import KeyOwnsNothing, bearer_token
from app.access.errors import HeldBack
from app.access.moderation.reports import MAX_COMMENT_CHARACTERS, REPORT_REASONS
from app.access.visibility.audience import OWNERS, Audience
from app.api.access import check_roles, current_api_key, current_audience, current_owner, may
from app.api.reads import reads_lake
from app.api.schemas.moderation import ReportSchema
from app.api.views.moderation import take_report
from app.curation.explain import Kept, StageExplanation
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.reasons import all_reasons
from app.maps.errors import MapNotFound
from app.maps.places import MapPlace
from app.query.contributions.reader import EVERY_COLUMN, ContributionNotFound
from app.query.snapshots import Reference, SnapshotView
from app.services import current_services
from app.site.forms import read_form
from app.site.rendering.formatting import UNKNOWN_LANGUAGE
from app.site.rendering.turns import TurnRenderer, beginning, part_of
from catalog.columns.rows import plain_rows
from catalog.schema import CONVERSATION
from catalog.stages.tables import STAGES, ComputedStage, Stage

blueprint = Blueprint("conversations", __name__)

_VERSIONS: Final = 50
"""Most versions that a page lists."""
_TITLE_CHARACTERS: Final = 100
"""Length at which the first words stand in the place of a title that a conversation lacks."""
_WORDS: Final = {reason.name: reason.left_out for reason in all_reasons(CuratingParameters())}
"""What reasons mean, as the end of a sentence that begins with "conversations"."""


class PageSchema(Schema):
    """The part of a conversation that a page shows, and how."""

    class Meta:
        """A misspelt parameter would silently show something else."""

        unknown = RAISE

    turn = fields.Integer(load_default=1, validate=validate.Range(min=1, max=2**31))
    stage = fields.String(load_default="raw", validate=validate.OneOf(STAGES))


class PartSchema(Schema):
    """The part of a long turn that a page shows."""

    class Meta:
        """A misspelt parameter would silently show something else."""

        unknown = RAISE

    part = fields.Integer(load_default=1, validate=validate.Range(min=1, max=2**31))


@dataclass(frozen=True, slots=True)
class _SeenContribution:
    """A contribution that the current request may see.

    Attributes:
        view: The lake as whoever asks sees it.
        row: The contribution, as a table of one row.
        is_own: Whether the contributor key of the request is its owner's.
    """

    view: SnapshotView
    row: pa.Table
    is_own: bool


@blueprint.get("/conversations/<uuid:contribution_id>")
@use_kwargs(PageSchema, location="query", unknown=None)
@reads_lake
def show(contribution_id: UUID, turn: int, stage: Stage) -> Response:
    """Show a conversation, as it was sent or as a stage has it."""
    found = _find(contribution_id, current_audience())
    response = Response(_page(found, contribution_id, turn, stage))
    if found.is_own:
        response.headers["Cache-Control"] = "private, no-store"
    return response


@blueprint.get("/conversations/<uuid:contribution_id>/turns/<int:number>")
@use_kwargs(PartSchema, location="query", unknown=None)
@reads_lake
def show_turn(contribution_id: UUID, number: int, part: int) -> str:
    """Show all of a long turn as it was sent, in parts."""
    found = _find(contribution_id, current_audience(), [CONVERSATION])
    (row,) = plain_rows(*found.row.to_batches())
    turns = row[CONVERSATION]
    if not 1 <= number <= len(turns):
        abort(HTTPStatus.NOT_FOUND)
    text, parts = part_of(turns[number - 1]["content"], part)
    if part > parts:
        abort(HTTPStatus.NOT_FOUND)
    return render_template(
        "conversations/turn.html",
        contribution_id=contribution_id,
        number=number,
        turn=turns[number - 1],
        text=text,
        part=part,
        parts=parts,
    )


@blueprint.get("/conversations/<uuid:contribution_id>/neighbours")
@reads_lake
def show_neighbours(contribution_id: UUID) -> str:
    """Show the near duplicates of a conversation, and its places on maps."""
    services = current_services()
    view = services.reading.snapshots.view(Reference(), current_audience())
    duplicates = [
        duplicate
        for duplicate in services.curation.near_duplicates.of(view, contribution_id)
        if may(services.access.policy.stage(duplicate.stage))
    ]
    return render_template(
        "conversations/neighbours.html",
        contribution_id=contribution_id,
        duplicates=duplicates,
        places=_places(str(contribution_id)),
        words=_WORDS,
    )


@blueprint.post("/conversations/<uuid:contribution_id>/report")
@reads_lake
def report(contribution_id: UUID) -> Response:
    """Take a report of a conversation, as `POST /v1/contributions/{id}/reports` does."""
    take_report(contribution_id, read_form(ReportSchema()))
    page = render_template("conversations/reported.html", contribution_id=contribution_id)
    return Response(page, HTTPStatus.ACCEPTED)


@blueprint.post("/conversations/<uuid:contribution_id>/withdraw")
@reads_lake
def withdraw(contribution_id: UUID) -> Response:
    """Withdraw a conversation of one's own, as `DELETE /v1/contributions/{id}` does."""
    takedown = current_services().takedown.withdrawals.withdraw(
        current_owner(), str(contribution_id)
    )
    page = render_template("me/withdrawn.html", takedown=takedown)
    return Response(page, HTTPStatus.ACCEPTED)


def _find(
    contribution_id: UUID, audience: Audience, columns: Sequence[str] = EVERY_COLUMN
) -> _SeenContribution:
    """Return a contribution, for its owner also while it is hidden from others.

    Args:
        contribution_id: The contribution.
        audience: Whom it is read for, unless the request has the key of its owner.
        columns: The columns to read.

    Raises:
        TakenDownForGood: It was taken down.
        ContributionNotFound: It isn't in the lake, or the request may not see it.
    """
    services = current_services()
    services.access.taken_down.check(str(contribution_id))
    owner = _owner()
    needed = list(dict.fromkeys([*columns, "contributor_id"]))
    if owner is not None:
        view = services.reading.snapshots.view(Reference(), OWNERS)
        with suppress(ContributionNotFound):
            row = services.reading.contributions.get(view, contribution_id, needed)
            if row["contributor_id"][0].as_py() == owner:
                return _SeenContribution(view, row, is_own=True)
    view = services.reading.snapshots.view(Reference(), audience)
    return _SeenContribution(
        view, services.reading.contributions.get(view, contribution_id, needed), is_own=False
    )


def _page(found: _SeenContribution, contribution_id: UUID, first: int, stage: Stage) -> str:
    """Return the page of a contribution.

    Args:
        found: The contribution.
        contribution_id: Id of the contribution.
        first: The number of the first turn that is shown, from 1.
        stage: The stage as which it is shown.
    """
    services = current_services()
    # An owner's view has what is hidden, also of others, and a stranger's may be a duplicate's.
    unnamed = services.reading.snapshots.hidden(current_audience())
    explanation = services.curation.explanations.explain(found.view, contribution_id, unnamed)
    stages = [each for each in explanation.stages if may(services.access.policy.stage(each.stage))]
    (row,) = plain_rows(*found.row.to_batches())
    turns = row[CONVERSATION] if stage == "raw" else _turns_in(found.view, stage, contribution_id)
    if first > len(turns):
        abort(HTTPStatus.NOT_FOUND)
    renderer = TurnRenderer(stage != "raw", _flags(stages))
    shown = renderer.page(turns, first)
    versions = services.reading.lineage.page(found.view, contribution_id, _VERSIONS, None)
    return render_template(
        "conversations/page.html",
        contribution_id=contribution_id,
        row=row,
        beginning=beginning(turns, _TITLE_CHARACTERS),
        is_own=found.is_own,
        stage=stage,
        turns=shown,
        count=len(turns),
        first=first,
        following=shown[-1].number + 1 if shown[-1].number < len(turns) else None,
        versions=versions.versions,
        has_more_versions=versions.last_id is not None,
        explanation=explanation,
        stages=stages,
        language=_language(stages),
        tools=renderer.code(row.get("tools")),
        words=_WORDS,
        report_reasons=REPORT_REASONS,
        max_comment=MAX_COMMENT_CHARACTERS,
    )


def _turns_in(
    view: SnapshotView, stage: ComputedStage, contribution_id: UUID
) -> Sequence[Mapping[str, Any]]:
    """Return the turns as a computed stage has them.

    Raises:
        KeyMissing: The stage needs a key.
    """
    services = current_services()
    check_roles(current_api_key(), services.access.policy.stage(stage))
    row = services.curation.explanations.row(view, stage, contribution_id)
    (plain,) = plain_rows(*row.to_batches())
    turns: Sequence[Mapping[str, Any]] = plain[CONVERSATION]
    return turns


def _owner() -> str | None:
    """Return the contributor_id of the request's contributor key; None without one that owns.

    Raises:
        ContributorKeyMalformed: The key is mistyped.
    """
    if current_api_key() is not None or bearer_token(request.headers.get("Authorization")) is None:
        return None
    with suppress(KeyOwnsNothing):
        return current_owner()
    return None


def _places(contribution_id: str) -> list[MapPlace]:
    """Return the places of a contribution on the maps that the request may see."""
    services = current_services()
    found = []
    for described in services.publishing.maps.all():
        source = described.source
        if may(services.access.policy.map(described.name, source.stage, source.release)):
            with suppress(MapNotFound, HeldBack, FileNotFoundError):
                found.append(services.publishing.maps.place(described.name, contribution_id))
    return [place for place in found if place]


def _flags(stages: Sequence[StageExplanation]) -> Mapping[int, Sequence[str]]:
    """Return what scorers flagged turns for, if a stage has the contribution."""
    flagged: dict[int, list[str]] = defaultdict(list)
    for stage in stages:
        if isinstance(stage.outcome, Kept):
            for flag in stage.outcome.flags:
                if flag.category not in flagged[flag.turn]:
                    flagged[flag.turn].append(flag.category)
    return flagged


def _language(stages: Sequence[StageExplanation]) -> str:
    """Return the language of a conversation for the attribute `lang`; "" when it isn't known."""
    kept = (stage.outcome for stage in stages if isinstance(stage.outcome, Kept))
    first = next(kept, None)
    return "" if first is None or first.language == UNKNOWN_LANGUAGE else first.language
