from pathlib import Path

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from app.services import Services
from catalog.snapshots import Snapshot
from tests.app.releases.factories import PresetStages, make_recipe, make_row, releases_of
from tests.factories import commit_batch, make_received

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def snapshot(shared_services: Services) -> Snapshot:
    """The snapshot of a lake with the releases raw, other, cleaned and closed."""
    services = shared_services
    made = commit_batch(
        services, make_received(0, EVIL, "Hello", attribution="Ada"), make_received(1)
    )
    later = commit_batch(services, make_received(2))
    services.publishing.releases.build(make_recipe("raw", test_percent=0), made)
    services.publishing.releases.build(make_recipe("other"), later)
    services.publishing.releases.build(make_recipe("closed"), made)
    services.access.gates.close("release", "closed", "read")
    stages = PresetStages(
        services.catalog,
        [make_row(number, EVIL, "Hello", attribution=EVIL) for number in range(2)],
        {"near_duplicate": 4, "empty": 0},
    )
    releases_of(services, stages).build(make_recipe("cleaned", "cleaned"), made)
    return made


@pytest.fixture
def site(shared_client: FlaskClient, snapshot: Snapshot) -> FlaskClient:  # noqa: ARG001
    """A client of that lake."""
    return shared_client


def test_a_lake_without_releases_says_how_to_make_one(client: FlaskClient) -> None:
    assert "scripts/lake release build" in client.get("/releases").text


def test_the_list_has_every_release_and_names_those_that_need_a_key(site: FlaskClient) -> None:
    page = site.get("/releases").text
    for name in ("raw", "other", "cleaned", "closed"):
        assert f'href="/releases/{name}"' in page
    shown, _, gated = page.partition("With a key")
    assert "closed" not in shown
    assert "closed" in gated


def test_a_release_that_needs_a_key_asks_for_one(
    site: FlaskClient, shared_services: Services
) -> None:
    answer = site.get("/releases/closed")
    assert answer.status_code == 401
    assert "data-key-form" in answer.text
    key = shared_services.access.keys.create("reader", "read")
    headers = {"Authorization": f"Bearer {key}"}
    assert "the role <code>read</code>" in site.get("/releases/closed", headers=headers).text
    assert site.get("/releases/raw/diff/closed").status_code == 401
    assert site.get("/releases/closed/rows").status_code == 401


def test_a_release_that_is_not_there_is_404(site: FlaskClient) -> None:
    for path in ("/releases/none", "/releases/none/rows", "/releases/raw/diff/none"):
        answer = site.get(path)
        assert answer.status_code == 404
        assert "<h1>" in answer.text


def test_a_release_shows_its_card_files_counts_and_credits(
    site: FlaskClient, shared_services: Services, snapshot: Snapshot
) -> None:
    page = site.get("/releases/raw").text
    folder = Path(shared_services.settings.releases) / "raw"
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        sha256, path = line.split("  ")
        assert sha256 in page
        assert f'href="/v1/releases/raw/files/{path}"' in page
    assert f"/snapshots/{snapshot.snapshot_id}" in page
    assert "<bdi>Ada</bdi>" in page
    assert "$LAKE/v1/releases/raw/files" in page
    # The card without its metadata, its title, and with its links leading to the files.
    assert "pretty_name" not in page
    assert page.count("<h1>") == 1
    assert 'href="/v1/releases/raw/files/CREDITS.txt"' in page


def test_reasons_and_languages_are_charts_and_names_of_strangers_are_text(
    site: FlaskClient,
) -> None:
    page = site.get("/releases/cleaned").text
    assert "near_duplicate" in page
    assert 'value="4"' in page
    assert "<caption>Languages</caption>" in page
    assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_the_first_rows_are_text_with_what_is_known_of_columns(site: FlaskClient) -> None:
    page = site.get("/releases/cleaned/rows").text
    assert EVIL not in page
    assert "user: &lt;script&gt;alert(1)&lt;/script&gt; · assistant: Hello" in page
    assert 'href="/conversations/' in page
    assert "<code>masked.email</code>" in page


def test_releases_are_compared_by_a_form_or_a_link(site: FlaskClient) -> None:
    answer = site.get("/releases/raw/diff?other=other")
    assert answer.location == "/releases/raw/diff/other"
    page = site.get(answer.location).text
    assert "<dt>Added</dt><dd>1</dd>" in page
    assert "<dt>Removed</dt><dd>0</dd>" in page
    assert site.get("/releases/raw/diff").status_code == 422
    assert site.get("/releases/raw/diff/cleaned").status_code == 422
    # Only releases of the same stage and form are offered.
    assert "<option>other</option>" in site.get("/releases/raw").text
    assert "<option>cleaned</option>" not in site.get("/releases/raw").text


@pytest.mark.slow
def test_a_release_that_is_held_back_is_named_and_not_shown(
    client: FlaskClient, services: Services
) -> None:
    made = commit_batch(services, contribution := make_received())
    services.publishing.releases.build(make_recipe("first"), made)
    services.publishing.releases._held_back.add(
        "release", "first", _ids(contribution.contribution_id)
    )
    assert client.get("/releases/first").status_code == 503
    assert "Held back" in client.get("/releases").text


def _ids(*ids: str) -> pa.Array:
    return pa.array(ids, pa.large_string())
