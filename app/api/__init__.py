"""The HTTP API: one blueprint per resource. Only this package knows status codes."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.api import conditional, errors, guards, headers, limits, observation
from app.api.document import DocumentedApi
from app.api.iceberg import views as iceberg
from app.api.url_rules import LazyRule
from app.api.views import (
    bulk,
    changes,
    contributions,
    contributors,
    health,
    ingest,
    metrics,
    moderation,
    releases,
    snapshots,
    sql,
    stats,
    takedowns,
)
from app.ingest.terms import PAGE
from app.services import Services
from app.settings import Settings
from app.version import VERSION

_BLUEPRINTS = (
    ingest.blueprint,
    bulk.blueprint,
    health.blueprint,
    snapshots.blueprint,
    contributions.blueprint,
    contributors.blueprint,
    moderation.blueprint,
    takedowns.blueprint,
    changes.blueprint,
    stats.blueprint,
    releases.blueprint,
    sql.blueprint,
)

_DESCRIPTION = """\
An open datalake for conversations that people contribute to language models.

Submissions are durable when they are answered with 200 or 202, and appear in the lake exactly once.
Every commit is a snapshot that can be read for ever by its id.
[Maps](/maps/) show what the conversations are about.
Every error has the same envelope: `code`, `status`, `message`, and `errors` by field.
"""


def init_app(app: Flask, services: Services) -> None:
    """Register the API and its OpenAPI document, and observe requests."""
    settings = services.settings
    app.config.update(
        API_TITLE="chatlake",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={"info": {"description": _DESCRIPTION + _terms(settings)}},
    )
    # Set before the first rule is made, also for the pages of the site.
    app.url_rule_class = LazyRule
    conditional.init_app(app)
    headers.init_app(app)
    api = DocumentedApi()
    # Set before the application is known: every operation's default answer refers to this schema.
    api.ERROR_SCHEMA = errors.EnvelopeSchema
    api.init_app(app)
    # Before errors: a request that failed earlier is limited too.
    limits.init_app(app, services)
    errors.init_app(app)
    for blueprint in _BLUEPRINTS:
        api.register_blueprint(blueprint)
    if settings.answers_metrics:
        app.register_blueprint(metrics.blueprint)
    app.register_blueprint(iceberg.blueprint)
    if settings.trusted_proxies:
        # Only the client's address is taken from proxies; nothing else is needed.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # as Flask's documentation has it
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0
        )
    guards.init_app(app, settings)
    observation.init_app(app, access_log=settings.access_log)


def _terms(settings: Settings) -> str:
    """Return what the API's description says of the operator's terms."""
    if settings.terms_file is None:
        return ""
    text = f"Conversations are taken under these [terms]({PAGE})"
    if settings.terms_version:
        text += f", version `{settings.terms_version}`"
    if settings.require_terms:
        text += ", which every submission has to state as its `terms_version`"
    return f"{text}.\n"
