import pytest
from flask.testing import FlaskClient

from app.access.contributors.keys import new_contributor_key
from app.services import Services
from app.settings import Settings
from tests.lakes import opened_app

OPEN = ("/", "/explore", "/releases", "/snapshots", "/contributors", "/sql", "/me", "/maps/")


@pytest.mark.parametrize("path", OPEN)
def test_a_page_is_asked_for_again_and_not_sent_twice(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    assert first.headers["Cache-Control"] == "no-cache"
    assert "Authorization" in first.vary
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    for condition in ({"If-Match": '"other"'}, {"Range": "bytes=0-9"}, {"If-None-Match": '"x"'}):
        whole = client.get(path, headers=condition)
        assert (whole.status_code, whole.data) == (200, first.data)


@pytest.mark.parametrize("path", ["/moderation", "/status", "/explore"])
def test_nothing_that_a_key_shows_is_kept(
    services: Services, client: FlaskClient, path: str
) -> None:
    key = services.access.keys.create("all", "operate")
    headers = {"Authorization": f"Bearer {key}"}
    assert kept(client, path, headers) == (200, "private, no-store")
    assert "ETag" not in client.get(path, headers=headers).headers
    own = {"Authorization": f"Bearer {new_contributor_key()}"}
    assert kept(client, "/me", own) == (200, "private, no-store")
    assert kept(client, "/me", {"Authorization": "Bearer clc_mistyped"})[1] == "private, no-store"


def test_no_error_is_kept(client: FlaskClient) -> None:
    assert kept(client, "/conversations/none", {"Accept": "text/html"}) == (404, "no-store")
    assert kept(client, "/status") == (401, "no-store")
    assert kept(client, "/explore?limit=none") == (422, "no-store")


def test_a_page_that_a_key_would_change_is_for_one_reader(settings: Settings) -> None:
    with opened_app(Settings.at(settings.home, raw_access="keys")) as app:
        assert kept(app.test_client(), "/") == (200, "private, no-cache")


def kept(
    client: FlaskClient, path: str, headers: dict[str, str] | None = None
) -> tuple[int, str | None]:
    """Return the status of an answer, and what caches may do with it."""
    answer = client.get(path, headers=headers)
    return answer.status_code, answer.headers.get("Cache-Control")
