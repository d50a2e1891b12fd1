"""The WSGI entry: `gunicorn wsgi:application`, `flask --app wsgi`."""

from app import create_app

application = create_app()
