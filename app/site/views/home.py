"""The first page: what this lake is, in the operator's words, and how to give and take.

In the lines to copy, `$LAKE` stands for the address of the lake, and a script puts the one in that
the browser has. The server doesn't know it behind a proxy, and never repeats the header Host, which
anybody may send.
"""

from shlex import quote

from flask import Blueprint, render_template
from markupsafe import Markup

from app.api.access import current_audience, may
from app.api.reads import reads_lake
from app.api.views.releases import needed_for
from app.maps.description import MapDescription
from app.query.snapshots import Reference
from app.query.statistics.overview import Overview
from app.releases.descriptions.card import ROW
from app.releases.manifest import Manifest
from app.services import current_services
from app.site.open_maps import is_open
from app.site.rendering.formatting import UNKNOWN_LANGUAGE
from app.site.rendering.markdown import render_markdown
from app.site.rendering.periods import growth_of

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@reads_lake
def show() -> str:
    """Show what this lake is and holds."""
    services = current_services()
    settings = services.settings
    overview = _overview()
    release = _newest_release()
    return render_template(
        "home/page.html",
        about=_about(),
        overview=overview,
        growth=growth_of(overview.days if overview else ()),
        release=release,
        languages=_languages(release) if release else 0,
        map=_map_of(release) if release else None,
        row_of=ROW,
        settings=settings,
        terms_version=quote(settings.terms_version or "") if settings.require_terms else None,
    )


def _about() -> Markup | None:
    """Return the operator's words; None when there are none."""
    file = current_services().settings.site_file
    return render_markdown(file.read_text(encoding="utf-8"), level=2) if file else None


def _overview() -> Overview | None:
    """Return what the lake holds; None if the reader may not see the raw table."""
    services = current_services()
    if not may(services.access.policy.raw):
        return None
    return services.reading.overviews.of(
        services.reading.snapshots.view(Reference(), current_audience())
    )


def _newest_release() -> Manifest | None:
    """Return the newest release that the reader may have; None without one."""
    releases = current_services().publishing.releases.newest_first()
    return next((manifest for manifest in releases if may(needed_for(manifest))), None)


def _map_of(release: Manifest) -> MapDescription | None:
    """Return the map of the latest stage that a release has one of; None without an open one."""
    maps = current_services().publishing.maps.of_release(release.name)
    return next((found for found in maps if is_open(found)), None)


def _languages(release: Manifest) -> int:
    return len(release.languages.keys() - {UNKNOWN_LANGUAGE})
