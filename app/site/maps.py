"""The pages of maps: the list, and the viewer of each, which runs in the browser alone.

Texts of strangers are shown by the viewer. It takes them for text, and the policy below sees to it
that nothing of them could run or be fetched even if it didn't.
"""

from html import escape
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, redirect, render_template, send_file, url_for
from werkzeug import Response as WerkzeugResponse

from app.maps.atlas import INDEX_FILE, find_asset
from app.maps.description import METADATA_FILE, PICTURE_FILE, POINTS_FILE
from app.services import current_services

blueprint = Blueprint("maps", __name__, template_folder="templates")

_POLICY: Final = {
    # What isn't named below isn't done: no frames, plug-ins, manifests, media or fonts.
    "default-src": "'none'",
    # The bundle and its workers, from here alone. DuckDB and the clustering are WebAssembly, which
    # has to be compiled; that allows no evaluation of JavaScript.
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self'",
    # The points, DuckDB and its extensions. Models that the viewer could fetch are not from here.
    "connect-src": "'self'",
    # Icons in the style sheet, and pictures that the viewer draws.
    "img-src": "'self' data: blob:",
    # The viewer's components write their styles into elements as they go, too many and too varied
    # for hashes, and the bundle takes no nonce. Styles run nothing, and fetch nothing from outside.
    "style-src": "'self' 'unsafe-inline'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS: Final = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # A page that links here keeps no handle on this one, and none embeds its parts.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    # Compiled while it is loaded, which browsers do for this type alone.
    ".wasm": "application/wasm",
}
_TITLE: Final = "<title>Embedding Atlas</title>"
_FOREVER_S: Final = 365 * 24 * 3600


@blueprint.after_request
def protect(response: Response) -> Response:
    """Put the policy on every answer: a worker has that of its own script, not of its page."""
    response.headers.update(_HEADERS)
    return response


@blueprint.get("/maps/")
def show_all() -> str:
    """List the maps by name, each with its picture."""
    return render_template("maps.html", maps=current_services().maps.store.all())


@blueprint.get("/maps/<name>/")
def show(name: str) -> str:
    """Show the viewer of a map.

    Its scripts are those of every map, so that browsers load them once.
    """
    found = current_services().maps.store.find(name)
    page = find_asset(INDEX_FILE).read_text(encoding="utf-8")
    # Without an icon of its own, a browser asks for one that isn't there.
    title = f'<title>{escape(found.name)} · chatlake</title><link rel="icon" href="data:,">'
    return page.replace("./assets/", "../../atlas/assets/").replace(_TITLE, title)


@blueprint.get("/maps/<name>/picture.png", defaults={"file": PICTURE_FILE})
@blueprint.get("/maps/<name>/data/dataset.parquet", defaults={"file": POINTS_FILE})
@blueprint.get("/maps/<name>/data/metadata.json", defaults={"file": METADATA_FILE})
def data(name: str, file: str) -> Response:
    """Send a file of a map; it may be removed and built anew, so it is asked for each time."""
    return _send(current_services().maps.store.file(name, file), max_age_s=None)


@blueprint.get("/maps/<name>/duckdb-wasm/<path:path>")
def extension(name: str, path: str) -> WerkzeugResponse:  # noqa: ARG001  # they are the same for all
    """Lead to an extension of DuckDB, which looks for them beside its page."""
    return redirect(url_for("maps.asset", path=f"duckdb-wasm/{path}"))


@blueprint.get("/atlas/<path:path>")
def asset(path: str) -> Response:
    """Send a file of the viewer. Their names change with their content, or with their version."""
    response = _send(find_asset(path), max_age_s=_FOREVER_S)
    response.cache_control.immutable = True
    return response


def _send(file: Path, max_age_s: int | None) -> Response:
    """Send a file with its type, an ETag, and ranges."""
    media_type = _TYPES.get(file.suffix, "application/octet-stream")
    response = send_file(file, mimetype=media_type, conditional=True, max_age=max_age_s)
    response.headers["Content-Type"] = media_type
    return response
