"""The page of contributors: who asked to be credited, with the number of their contributions."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from flask import Blueprint, render_template, request
from marshmallow import Schema, fields, validate

from app.api.reads import reads_lake
from app.api.views.releases import listed_releases
from app.releases.credits import CREDITS_FILE, decode_credits
from app.releases.errors import ReleaseNotFound
from app.releases.manifest import Manifest
from app.services import current_services

blueprint = Blueprint("contributor_pages", __name__)

NAMES: Final = 200
"""Names on a page."""
_MAX_PAGE: Final = 1_000_000


class CreditsQuerySchema(Schema):
    """Which names are shown."""

    release = fields.String(validate=validate.Length(min=1, max=255))
    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=_MAX_PAGE))


_QUERY: Final = CreditsQuerySchema()


@blueprint.get("/contributors")
@reads_lake
def show_all() -> str:
    """Show a page of the credits of a release: the newest with names, or the one that is asked for.

    Names are told apart and made readable while a release is built, so that nobody passes for
    somebody else; so they are those of a release.
    """
    credited = [manifest for manifest in listed_releases().shown if manifest.credited]
    credited.sort(key=lambda each: (each.sequence_number, each.contributions or each.rows))
    query = _QUERY.load(request.args.to_dict())
    release = _named(credited, query["release"]) if "release" in query else _last(credited)
    page = query["page"]
    total = release.credited or 0 if release else 0
    first = (page - 1) * NAMES
    return render_template(
        "contributors/page.html",
        release=release,
        releases=[each.name for each in reversed(credited)],
        total=total,
        names=list(islice(_credits_of(release), first, first + NAMES)) if release else [],
        page=page,
        has_next=total > first + NAMES,
    )


def _named(releases: list[Manifest], name: str) -> Manifest:
    for each in releases:
        if each.name == name:
            return each
    raise ReleaseNotFound(name)


def _last(releases: list[Manifest]) -> Manifest | None:
    return releases[-1] if releases else None


def _credits_of(release: Manifest) -> Iterator[tuple[str, int]]:
    return decode_credits(current_services().publishing.releases.text(release.name, CREDITS_FILE))
