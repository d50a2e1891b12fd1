"""The public web pages."""

from flask import Flask, redirect
from werkzeug import Response

from app.site import docs, maps, policies, terms


def init_app(app: Flask) -> None:
    """Register the pages of maps and terms, and the API's documentation."""
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(maps.blueprint)
    app.register_blueprint(terms.blueprint)
    app.add_url_rule("/", "home", _home)
    policies.init_app(
        app,
        {
            docs.blueprint.name: policies.PAGE,
            maps.blueprint.name: policies.VIEWER,
            terms.blueprint.name: policies.PAGE,
        },
    )


def _home() -> Response:
    return redirect(f"{docs.URL}/")
