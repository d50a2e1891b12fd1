"""The service: everything between HTTP and the lake kernel."""

import os

from flask import Flask

from app.settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Return the Flask application.

    Args:
        settings: The settings; None to read them from the environment.

    Raises:
        SettingsError: A `CHATLAKE_` variable of the environment is unknown or has a wrong value.
    """
    # Processes that compute stages import this package too, and need none of these modules.
    from app import api, cli, services, site  # noqa: PLC0415
    from app.api import access  # noqa: PLC0415

    settings = settings or Settings.from_environment(os.environ)
    app = Flask(__name__, static_folder=None, template_folder="site/templates")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    made = services.init_app(app, settings)
    api.init_app(app, made)
    site.init_app(app)
    access.init_app(app)
    cli.init_app(app)
    return app
