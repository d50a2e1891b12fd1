import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from app.maps.build import build_map
from app.maps.description import MapParameters
from app.services import Services
from app.site.atlas import asset_files
from app.site.views import maps
from tests.app.maps.rows import SOURCE, about_topics, batch, turn

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"
WASM = "duckdb-wasm/v1.5.1/wasm_eh/parquet.duckdb_extension.wasm"


@pytest.fixture
def site(services: Services, client: FlaskClient) -> FlaskClient:
    """The pages of a lake with one map."""
    rows = [*about_topics(9), batch([turn(EVIL)])]
    build_map(
        services.publishing.maps.store, "first", SOURCE, rows, MapParameters(embedding="tfidf")
    )
    return client


def test_the_list_is_empty_at_first(client: FlaskClient) -> None:
    assert "There are no maps yet" in client.get("/maps/").text


@pytest.mark.slow
def test_the_list_shows_each_map_with_its_picture_and_nothing_of_its_texts(
    site: FlaskClient,
) -> None:
    page = site.get("/maps/").text
    for told in ('href="/maps/first/"', "raw", "10 conversations", "2026-03-01"):
        assert told in page
    assert "onerror" not in page
    assert site.get("/maps/first/picture.png", buffered=True).content_type == "image/png"


def scripts_of(site: FlaskClient) -> str:
    """Return the URL of the folder of the scripts, which the page of a map loads."""
    page = site.get("/maps/first/").text
    ((folder, _),) = re.findall(r'src="\.\./\.\.(/atlas/\w+/assets/)(index-[\w-]+\.js)"', page)
    return str(folder)


def test_the_page_of_a_map_loads_the_scripts_that_all_maps_share(site: FlaskClient) -> None:
    page = site.get("/maps/first/").text
    assert "<title>first · chatlake</title>" in page
    assert page.count(f'"../..{scripts_of(site)}') == 2
    assert '"./assets/' not in page


def test_texts_are_searched_by_our_own_worker(site: FlaskClient) -> None:
    ours = (Path(maps.__file__).parents[1] / "static" / "search.worker.js").read_bytes()
    (viewers,) = (Path(path).name for path in asset_files() if "search.worker" in path)
    response = site.get(scripts_of(site) + viewers, buffered=True)
    assert (response.data, response.content_type) == (ours, "text/javascript; charset=utf-8")
    assert site.get(f"{scripts_of(site)}search.worker-other.js").status_code == 404


def test_the_points_are_sent_in_whole_and_in_part(site: FlaskClient) -> None:
    whole = site.get("/maps/first/data/dataset.parquet", buffered=True)
    assert pq.read_table(BytesIO(whole.data)).num_rows == 10
    part = site.get(
        "/maps/first/data/dataset.parquet", headers={"Range": "bytes=0-3"}, buffered=True
    )
    assert (part.status_code, part.data) == (206, b"PAR1")
    known = {"If-None-Match": whole.headers["ETag"]}
    assert (
        site.get("/maps/first/data/dataset.parquet", headers=known, buffered=True).status_code
        == 304
    )
    assert "immutable" not in whole.headers["Cache-Control"]


def test_files_of_the_viewer_are_kept_by_browsers_and_have_their_types(site: FlaskClient) -> None:
    response = site.get(f"/atlas/1/{WASM}", buffered=True)
    assert response.content_type == "application/wasm"
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["ETag"]
    beside = site.get(f"/maps/first/{WASM}", buffered=True)
    elsewhere = scripts_of(site).replace("assets/", WASM)
    assert (beside.status_code, beside.location) == (302, elsewhere)


@pytest.mark.parametrize("path", ["/maps/", "/maps/first/", f"/atlas/1/{WASM}", "/maps/none/"])
def test_pages_of_maps_allow_no_other_origin(site: FlaskClient, path: str) -> None:
    headers = site.get(path, buffered=True).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["connect-src"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_unknown_maps_and_files_are_not_found(site: FlaskClient) -> None:
    paths = (
        "/maps/none/",
        "/maps/none/data/dataset.parquet",
        "/maps/first/data/map.json",
        "/maps/first/data/cache/labels",
        "/maps/%2e%2e/",
        "/atlas/1/none.js",
        "/atlas/1/../server.py",
        "/atlas/1/%2e%2e/server.py",
    )
    assert {path: site.get(path).status_code for path in paths} == dict.fromkeys(paths, 404)


def test_a_gated_map_is_named_and_a_page_says_that_it_needs_a_key(
    services: Services, site: FlaskClient
) -> None:
    services.access.gates.close("map", "first", "read")
    listed = site.get("/maps/").text
    assert "This map needs an API key" in listed
    assert "picture.png" not in listed
    assert "10 conversations" not in listed
    page = site.get("/maps/first/")
    assert (page.status_code, page.content_type) == (401, "text/html; charset=utf-8")
    assert page.headers["WWW-Authenticate"] == 'Bearer realm="chatlake"'
    assert "This map needs an API key" in page.text
    assert "$LAKE/maps/first/data/dataset.parquet" in page.text
    for file in ("picture.png", "data/dataset.parquet", "data/metadata.json"):
        answer = site.get(f"/maps/first/{file}")
        assert (answer.status_code, answer.get_json()["code"]) == (401, 401), file
    key = {"Authorization": f"Bearer {services.access.keys.create('mirror', 'read')}"}
    answer = site.get("/maps/first/data/metadata.json", headers=key, buffered=True)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-cache")


def test_the_maps_of_a_gated_release_are_gated(services: Services, client: FlaskClient) -> None:
    source = replace(SOURCE, release="november")
    parameters = MapParameters(embedding="tfidf")
    build_map(services.publishing.maps.store, "other", source, about_topics(9), parameters)
    services.access.gates.close("release", "november", "read")
    assert client.get("/maps/other/data/dataset.parquet").status_code == 401
