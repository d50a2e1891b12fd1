import pytest
from flask.testing import FlaskClient

from app.releases.manifest import Manifest
from app.services import Services
from app.site.views import contributors
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_received

NAMES = ("Ada", "<script>alert(1)</script>", "مريم")


@pytest.fixture(scope="module")
def release(shared_services: Services) -> Manifest:
    """A release that credits three names."""
    named = [
        make_received(0, attribution=name, contributor_id=f"id-{place}")
        for place, name in enumerate(NAMES)
    ]
    first = commit_batch(shared_services, *named, make_received(0))
    return shared_services.publishing.releases.build(make_recipe("named"), first)


@pytest.fixture
def site(shared_client: FlaskClient, release: Manifest) -> FlaskClient:  # noqa: ARG001
    """A client of the lake with that release."""
    return shared_client


def test_without_names_the_page_says_so(client: FlaskClient) -> None:
    assert "No open release has names" in client.get("/contributors").text


def test_the_names_of_the_newest_release_are_shown_as_text(site: FlaskClient) -> None:
    page = site.get("/contributors").text
    assert 'href="/releases/named"' in page
    assert "3 names" in page
    assert "1 came without a name" in page
    assert ">Ada</th>" in page
    assert NAMES[1] not in page
    assert "&lt;script&gt;" in page
    assert 'dir="auto"' in page


def test_pages_stay_on_their_release(site: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contributors, "NAMES", 2)
    assert "release=named&amp;page=2" in site.get("/contributors").text
    second = site.get("/contributors?release=named&page=2").text
    assert second.count('scope="row"') == 1
    assert "page=3" not in second


def test_wrong_parameters_are_told(site: FlaskClient) -> None:
    assert site.get("/contributors?release=none").status_code == 404
    for wrong in ("page=0", "page=x", "release=", "name=Ada"):
        assert site.get(f"/contributors?{wrong}").status_code == 422


@pytest.mark.slow
def test_a_release_that_needs_a_key_shows_no_names(client: FlaskClient, services: Services) -> None:
    made = commit_batch(services, make_received(0, attribution="Ada", contributor_id="ada"))
    services.publishing.releases.build(make_recipe("closed"), made)
    services.access.gates.close("release", "closed", "read")
    assert "Ada" not in client.get("/contributors").text
    assert client.get("/contributors?release=closed").status_code == 404
