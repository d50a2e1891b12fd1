"""The pages of releases: a list of all, one of each, its first rows, and differences of two."""

from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug import Response as WerkzeugResponse

from app.api.paging import page_rows
from app.api.reads import reads_lake
from app.api.views.releases import listed_releases, needed_for
from app.maps.description import MapDescription
from app.releases.credits import CREDITS_FILE, decode_credits
from app.releases.descriptions.card import CARD_FILE, ROW, ROWS, body_of, describe_release
from app.releases.files.published_rows import schema_of
from app.releases.manifest import Manifest, newest_first
from app.services import current_services
from app.site.open_maps import is_open
from app.site.rendering.cells import Cell, Column, cell_of, conversation_url, messages_cell
from app.site.rendering.formatting import end_of
from app.site.rendering.markdown import render_markdown
from app.site.rendering.samples import samples_of

blueprint = Blueprint("release_pages", __name__)

FIRST_ROWS: Final = 10
"""Rows that the page of a release shows."""
_MESSAGES: Final = frozenset({"messages", "conversation", "prompt", "chosen", "rejected"})
_SHOWN_CREDITS: Final = 12


@dataclass(frozen=True, slots=True)
class ReleaseCard:
    """A release in the list.

    Attributes:
        manifest: The manifest of the release.
        size_bytes: Size of its data files together.
        picture: The map whose picture is shown; None without one.
        role: The role of the keys that it needs; None when it is open to everybody.
    """

    manifest: Manifest
    size_bytes: int
    picture: str | None
    role: str | None


@blueprint.get("/releases")
def show_all() -> str:
    """List the releases, the newest first."""
    listed = listed_releases()
    pictures = _open_maps()
    cards = [
        ReleaseCard(
            manifest,
            sum(file.bytes for file in manifest.files),
            _picture_of(manifest, pictures),
            _role_for(manifest),
        )
        for manifest in newest_first(listed.shown)
    ]
    return render_template("releases/list.html", cards=cards, listed=listed, row_of=ROW)


@blueprint.get("/releases/<name>")
@reads_lake
def show(name: str) -> str:
    """Show a release: its card, its files, how to load it, and what is known of its rows."""
    releases = current_services().publishing.releases
    manifest = releases.find(name)
    credited = decode_credits(releases.text(name, CREDITS_FILE)) if manifest.credited else ()
    role = _role_for(manifest)
    return render_template(
        "releases/page.html",
        release=manifest,
        rows_of=ROWS,
        description=describe_release(manifest),
        card=render_markdown(_card(name), level=2),
        contents=releases.contents(name),
        data_bytes=sum(file.bytes for file in manifest.files),
        samples=samples_of(
            manifest, url_for("releases.get", name=name), needs_key=role is not None
        ),
        credited=list(islice(credited, _SHOWN_CREDITS)),
        role=role,
        maps=[found for found in _open_maps() if found.source.release == name],
        hub=releases.publications.for_readers(name),
        others=_comparable(manifest),
        left_out=_left_out(manifest),
    )


@blueprint.get("/releases/<name>/rows")
@reads_lake
def show_rows(name: str) -> str:
    """Show the first rows of a release, and what is known of its columns."""
    releases = current_services().publishing.releases
    manifest = releases.find(name)
    preview = releases.preview(name, FIRST_ROWS)
    columns = [field.name for field in schema_of(manifest).fields]
    return render_template(
        "releases/rows.html",
        release=manifest,
        preview=preview,
        columns=[Column(name) for name in columns],
        rows=[[_cell(column, row.get(column)) for column in columns] for row in preview.rows],
    )


@blueprint.get("/releases/<name>/diff")
def choose_diff(name: str) -> WerkzeugResponse:
    """Redirect to the differences to the release that a form names."""
    other = request.args.get("other", "")
    if not other:
        raise ValidationError("Name a release.", "other")
    return redirect(url_for("release_pages.show_diff", name=name, other=other))


@blueprint.get("/releases/<name>/diff/<other>")
@reads_lake
def show_diff(name: str, other: str) -> str:
    """Show what differs between two releases of the same stage."""
    found = current_services().publishing.releases.diff(name, other, page_rows(None))
    return render_template("releases/diff.html", diff=found)


def _role_for(manifest: Manifest) -> str | None:
    """Return the role of the keys that a release needs; None when it is open to everybody."""
    return min(needed_for(manifest), default=None)


def _open_maps() -> list[MapDescription]:
    return [found for found in current_services().publishing.maps.all() if is_open(found)]


def _picture_of(manifest: Manifest, maps: list[MapDescription]) -> str | None:
    """Return the name of the map of a release's own stage, or of another stage that it has."""
    of_release = [found for found in maps if found.source.release == manifest.name]
    of_stage = [found.name for found in of_release if found.source.stage == manifest.stage]
    return next(iter([*of_stage, *(found.name for found in of_release)]), None)


def _card(name: str) -> str:
    """Return the card of a release, with links that lead to its files."""
    card = body_of(current_services().publishing.releases.text(name, CARD_FILE))
    credits_url = url_for("releases.download", name=name, path=CREDITS_FILE)
    return card.replace(f"]({CREDITS_FILE})", f"]({credits_url})")


def _comparable(manifest: Manifest) -> list[Manifest]:
    """Return the releases that a release can be compared with, the newest first."""
    return newest_first(
        each
        for each in listed_releases().shown
        if (each.stage, each.form) == (manifest.stage, manifest.form) and each.name != manifest.name
    )


def _left_out(manifest: Manifest) -> list[tuple[str, int]]:
    """Return the number of contributions that were left out by reason, most first."""
    counts = [(reason, count) for reason, count in manifest.dropped.items() if count]
    return sorted(counts, key=lambda pair: -pair[1])


def _cell(column: str, value: Any) -> Cell:
    if column in _MESSAGES and isinstance(value, list):
        return messages_cell(value)
    if column == "contribution_id":
        # The end tells ids apart, and the texts beside it are what people look for.
        return cell_of(end_of(value), conversation_url(value))
    return cell_of(value)
