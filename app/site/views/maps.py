"""The pages of maps: a list of all maps, and a viewer of each, which runs in the browser."""

import re
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, redirect, render_template, request, send_file, url_for
from werkzeug import Response as WerkzeugResponse

from app.maps.description import METADATA_FILE, PICTURE_FILE, POINTS_FILE
from app.maps.texts import POINT
from app.services import current_services
from app.site.atlas import INDEX_FILE, find_asset
from app.site.errors import HTML, KEY_NEEDED
from app.site.open_maps import is_open

blueprint = Blueprint("maps", __name__)

_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    # Browsers compile WebAssembly while it loads only if it has this type.
    ".wasm": "application/wasm",
}
_SEARCH_FILE: Final = Path(__file__).parents[1] / "static" / "search.worker.js"
_VIEWERS_SEARCH: Final = re.compile(r"assets/search\.worker-[^/]+\.js")
"""Path of the viewer's own file that searches texts, in whose place `_SEARCH_FILE` is sent."""
_EDITION: Final = sha256(_SEARCH_FILE.read_bytes()).hexdigest()[:8]
"""Part of the addresses of the viewer's files: it changes with `_SEARCH_FILE`, and the viewer's own
names with the content of its files."""
_TITLE: Final = "<title>Embedding Atlas</title>"
_FOREVER_S: Final = 365 * 24 * 3600


@blueprint.get("/maps/")
def show_all() -> str:
    """List the maps by name, each with its picture unless it needs a key."""
    maps = current_services().publishing.maps.all()
    gated = {found.name for found in maps if not is_open(found)}
    return render_template("maps/list.html", maps=maps, gated=gated, point=POINT)


@blueprint.get("/maps/<name>/")
def show(name: str) -> str:
    """Show the viewer of a map.

    All maps share the scripts, so that browsers load them once.
    """
    found = current_services().publishing.maps.find(name)
    page = find_asset(INDEX_FILE).read_text(encoding="utf-8")
    # An empty icon keeps browsers from asking for one that doesn't exist.
    title = f'<title>{escape(found.name)} · chatlake</title><link rel="icon" href="data:,">'
    return page.replace("./assets/", f"../../atlas/{_EDITION}/assets/").replace(_TITLE, title)


@blueprint.after_request
def explain(response: Response) -> Response:
    """Tell a person by a page why a map isn't shown; programs have the status and the headers."""
    if request.endpoint == "maps.show" and response.status_code in KEY_NEEDED:
        response.set_data(
            render_template("maps/gated.html", name=(request.view_args or {})["name"])
        )
        response.content_type = f"{HTML}; charset=utf-8"
    return response


@blueprint.get("/maps/<name>/picture.png", defaults={"file": PICTURE_FILE})
@blueprint.get("/maps/<name>/data/dataset.parquet", defaults={"file": POINTS_FILE})
@blueprint.get("/maps/<name>/data/metadata.json", defaults={"file": METADATA_FILE})
def data(name: str, file: str) -> Response:
    """Send a file of a map; browsers ask for it each time, as the map may have been rebuilt."""
    return _send(current_services().publishing.maps.file(name, file), max_age_s=None)


@blueprint.get("/maps/<name>/duckdb-wasm/<path:path>")
def extension(name: str, path: str) -> WerkzeugResponse:  # noqa: ARG001  # all maps share them
    """Redirect to an extension of DuckDB, which looks for extensions beside the page."""
    return redirect(url_for("maps.asset", edition=_EDITION, path=f"duckdb-wasm/{path}"))


@blueprint.get("/atlas/<edition>/<path:path>")
def asset(edition: str, path: str) -> Response:  # noqa: ARG001  # pages of earlier editions stay open
    """Send a file of the viewer, to be cached for ever: its address changes with its content."""
    file = find_asset(path)
    if _VIEWERS_SEARCH.fullmatch(path):
        file = _SEARCH_FILE
    response = _send(file, max_age_s=_FOREVER_S)
    response.cache_control.immutable = True
    return response


def _send(file: Path, max_age_s: int | None) -> Response:
    """Send a file with its type and an ETag, as a whole or in ranges.

    Args:
        file: The file.
        max_age_s: How long browsers may cache it, in seconds; None means that they ask each time.
    """
    media_type = _TYPES.get(file.suffix, "application/octet-stream")
    return send_file(file, mimetype=media_type, conditional=True, max_age=max_age_s)
