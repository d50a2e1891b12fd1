import pytest
from flask.testing import FlaskClient

from app.maps.build import build_map
from app.maps.description import MapParameters
from app.services import Services
from tests.app.maps.rows import SOURCE, about_topics

PAGES = ("/", "/docs/", "/maps/", "/maps/first/")
OTHERS = ("/docs", "/v1/health/", "/openapi.json", "/metrics", "/none", "/iceberg/v1/config")


def policy_of(client: FlaskClient, path: str) -> dict[str, str]:
    """Return the directives of an answer's policy, by name."""
    headers = client.get(path, buffered=True).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    return dict(directive.split(" ", 1) for directive in policy.split("; "))


@pytest.fixture
def site(services: Services, client: FlaskClient) -> FlaskClient:
    """The pages of a lake with one map."""
    parameters = MapParameters(embedding="tfidf")
    build_map(services.publishing.maps.store, "first", SOURCE, about_topics(9), parameters)
    return client


@pytest.mark.parametrize("path", PAGES)
def test_pages_load_from_the_service_only_and_may_not_be_framed(
    site: FlaskClient, path: str
) -> None:
    policy = policy_of(site, path)
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    allowed = {source for name in policy for source in policy[name].split()}
    assert allowed <= {
        *("'none'", "'self'", "data:", "blob:"),
        *("'wasm-unsafe-eval'", "'unsafe-inline'"),
    }
    assert "'unsafe-inline'" not in policy["script-src"]


@pytest.mark.parametrize("path", OTHERS)
def test_answers_that_are_no_pages_may_load_nothing(client: FlaskClient, path: str) -> None:
    assert policy_of(client, path) == {"default-src": "'none'", "frame-ancestors": "'none'"}


def test_scripts_have_the_policy_that_their_workers_run_by(client: FlaskClient) -> None:
    assert policy_of(client, "/atlas/1/index.html")["worker-src"] == "'self'"


def test_pages_of_any_origin_may_still_use_the_api(client: FlaskClient) -> None:
    headers = client.get("/v1/health/").headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Cross-Origin-Resource-Policy" not in headers
