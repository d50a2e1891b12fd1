"""The service: everything between HTTP and the lake kernel."""

import os

from flask import Flask

from app.settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application, with the settings of the environment unless others are given.

    Raises:
        SettingsError: A `CHATLAKE_` variable of the environment doesn't fit.
    """
    # The processes that compute rows of stages are parts of this package too, and need none of it.
    from app import api, cli, services, site  # noqa: PLC0415

    settings = settings or Settings.from_environment(os.environ)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    made = services.init_app(app, settings)
    api.init_app(app, made)
    site.init_app(app)
    cli.init_app(app)
    return app
