"""The page of the API's documentation, which is Swagger UI from a package.

The HTML is our own: that of the package has an inline script, which no policy can tell from an
injected one, and writes the request's Host into it.
"""

from pathlib import Path
from typing import Final

import flask_swagger_ui
from flask import Blueprint, Response, render_template, send_from_directory

URL: Final = "/docs"

blueprint = Blueprint("docs", __name__, url_prefix=URL)

_OURS: Final = Path(__file__).parents[1] / "static"
_SWAGGER_UI: Final = Path(flask_swagger_ui.__file__).parent / "dist"
_START_FILE: Final = "start.js"


@blueprint.get("/")
def show() -> str:
    """Show every operation of the API."""
    return render_template("docs/page.html")


@blueprint.get("/<path:path>")
def asset(path: str) -> Response:
    """Send a file of the page."""
    return send_from_directory(_OURS if path == _START_FILE else _SWAGGER_UI, path)
