"""Fixtures that every test may use: a migrated lake in a temporary folder, and the application."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from hypothesis import settings as hypothesis_settings

from app import create_app
from app.services import Services, current_services
from app.settings import Settings

# The same examples every time, and no failure because a machine was busy.
hypothesis_settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis_settings.load_profile("ci")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a lake in a folder of its own."""
    return Settings.at(tmp_path / "home")


@pytest.fixture
def app(settings: Settings) -> Flask:
    """The application on a migrated, empty lake."""
    application = create_app(settings)
    result = application.test_cli_runner().invoke(args=["migrate"])
    assert result.exit_code == 0, result.output
    return application


@pytest.fixture
def services(app: Flask) -> Services:
    """The application's services; `services.committer().drain()` commits what is pending."""
    with app.app_context():
        return current_services()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client that calls the application without a server."""
    return app.test_client()


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    """Runs the application's commands."""
    return app.test_cli_runner()
