"""The WSGI entry point: `gunicorn wsgi:application`, `flask --app wsgi`."""

from app import create_app
from app.background.startup import import_libraries, restrict_umask
from app.settings import SettingsError

restrict_umask()
import_libraries()
try:
    application = create_app()
except SettingsError as error:
    # One line for the operator instead of a traceback.
    raise SystemExit(f"chatlake: {error}") from error
