import shutil
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.services import Services
from app.settings import Settings


def test_health_is_ok_even_without_the_database(new_settings: Settings) -> None:
    client = create_app(new_settings).test_client()
    response = client.get("/v1/health/")
    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_a_server_that_could_take_a_submission_is_ready_and_leaves_nothing_behind(
    client: FlaskClient, services: Services
) -> None:
    response = client.get("/v1/ready")
    assert (response.status_code, response.get_json()) == (200, {"status": "ready"})
    assert services.ingest.journal.backlog().entries == 0


def read_only(settings: Settings) -> str:
    """Return a URL with which nobody, not even root, can write to the database."""
    return f"sqlite:///file:{settings.home}/chatlake.db?mode=ro&uri=true"


def removed(settings: Settings) -> str:
    (settings.home / "chatlake.db").unlink()
    return settings.database_url


def without_its_folder(settings: Settings) -> str:
    shutil.rmtree(settings.home)
    return settings.database_url


def replaced_by_a_folder(settings: Settings) -> str:
    (settings.home / "chatlake.db").unlink()
    (settings.home / "chatlake.db").mkdir()
    return settings.database_url


def overwritten(settings: Settings) -> str:
    (settings.home / "chatlake.db").write_bytes(b"not a database " * 1000)
    return settings.database_url


@pytest.mark.parametrize(
    "breakage", [read_only, removed, without_its_folder, replaced_by_a_folder, overwritten]
)
def test_a_server_whose_journal_cannot_be_written_is_not_ready_but_alive(
    services: Services, settings: Settings, breakage: Callable[[Settings], str]
) -> None:
    services.database.dispose()
    database_url = breakage(settings)
    client = create_app(Settings.at(settings.home, database_url=database_url)).test_client()
    response = client.get("/v1/ready")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert client.get("/v1/health/").status_code == 200
