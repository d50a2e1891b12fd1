"""The page of contributors: who asked to be credited, with the number of their contributions."""

from typing import Final

from flask import Blueprint, abort, render_template, request

from app.api.releases import listed_releases
from app.releases.credits import CREDITS_FILE, decode_credits
from app.releases.manifest import Manifest
from app.services import current_services

blueprint = Blueprint("contributor_pages", __name__, template_folder="templates")

NAMES: Final = 200
"""Names on a page."""


@blueprint.get("/contributors")
def show_all() -> str:
    """Show a page of the credits of a release: the newest with names, or the one that is asked for.

    Names are told apart and made readable while a release is built, so that nobody passes for
    somebody else; so they are those of a release.
    """
    credited = [manifest for manifest in listed_releases().shown if manifest.credited]
    credited.sort(key=lambda each: (each.sequence_number, each.contributions or each.rows))
    asked = request.args.get("release")
    release = _named(credited, asked) if asked else next(reversed(credited), None)
    page = _page_number(request.args.get("page", "1"))
    names = list(_credits_of(release).items()) if release else []
    return render_template(
        "contributors/page.html",
        release=release,
        releases=[each.name for each in reversed(credited)],
        total=len(names),
        names=names[(page - 1) * NAMES : page * NAMES],
        first=(page - 1) * NAMES,
        page=page,
        has_next=len(names) > page * NAMES,
    )


def _named(releases: list[Manifest], name: str) -> Manifest:
    found = next((each for each in releases if each.name == name), None)
    return found or abort(404, "no release of this name has names to credit")


def _page_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:7]) and len(text) < 7):  # noqa: PLR2004
        abort(404, "there is no such page")
    return int(text)


def _credits_of(release: Manifest) -> dict[str, int]:
    return decode_credits(current_services().releases.text(release.name, CREDITS_FILE))
