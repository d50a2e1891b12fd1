"""The application of `scripts/lake`: the commands, without the parts that answer requests."""

import os

from flask import Flask
from flask.cli import ScriptInfo

from app import cli
from app.background.startup import import_libraries, restrict_umask
from app.settings import Settings, SettingsError

restrict_umask()
import_libraries()

from app import services  # noqa: E402  # the libraries come first

application = Flask("app", static_folder=None)
try:
    services.init_app(application, Settings.from_environment(os.environ))
except SettingsError as error:
    # The operator gets one line, and no traceback.
    raise SystemExit(f"chatlake: {error}") from error
cli.init_app(application)


if __name__ == "__main__":
    # Not by the command `flask`, which would name itself in every usage.
    application.cli.main(prog_name="scripts/lake", obj=ScriptInfo(create_app=lambda: application))
