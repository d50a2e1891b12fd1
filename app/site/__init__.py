"""The public web pages."""

from flask import Flask, redirect
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug import Response

from app.site import maps

DOCS_URL = "/docs"
OPENAPI_URL = "/openapi.json"


def init_app(app: Flask) -> None:
    """Register the pages of maps, and the API's documentation."""
    # Its files come with its package.
    documentation = get_swaggerui_blueprint(
        DOCS_URL, OPENAPI_URL, config={"app_name": "chatlake", "validatorUrl": "none"}
    )
    app.register_blueprint(documentation)
    app.register_blueprint(maps.blueprint)
    app.add_url_rule("/", "home", _home)


def _home() -> Response:
    return redirect(f"{DOCS_URL}/")
