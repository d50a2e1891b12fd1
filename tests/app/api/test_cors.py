import pytest
from flask.testing import FlaskClient

from tests.factories import make_submission

INGEST = "/v1/ingest/chat"
ORIGIN = {"Origin": "https://somewhere.example"}


def test_a_page_of_any_origin_may_submit_but_never_with_credentials(client: FlaskClient) -> None:
    response = client.post(INGEST, json=make_submission(), headers=ORIGIN)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("header", ["content-type", "content-encoding", "prefer"])
def test_a_preflight_allows_the_headers_of_a_submission(client: FlaskClient, header: str) -> None:
    asked = {
        **ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": header,
    }
    response = client.options(INGEST, headers=asked)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert header in response.headers["Access-Control-Allow-Headers"].lower()
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/snapshots/x", 422), ("/v1/nothing", 404), (INGEST, 405), ("/v1/health/", 200)],
)
def test_a_page_can_read_errors_too(client: FlaskClient, path: str, status: int) -> None:
    response = client.get(path, headers=ORIGIN)
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_a_page_can_read_the_headers_that_answers_carry(client: FlaskClient) -> None:
    response = client.get("/v1/contributions", headers=ORIGIN)
    exposed = {
        name.strip() for name in response.headers["Access-Control-Expose-Headers"].split(",")
    }
    assert {"Chatlake-Snapshot-Id", "Link", "Retry-After", "ETag"} <= exposed
