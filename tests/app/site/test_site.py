import gzip
import re
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

PAGES = ("/", "/maps/", "/none")


@pytest.mark.parametrize("path", PAGES)
def test_pages_name_only_files_of_this_server_and_all_are_there(
    client: FlaskClient, path: str
) -> None:
    page = client.get(path, headers={"Accept": "text/html"})
    sources = re.findall(r'<(?:script|link|img)[^>]* (?:src|href)="([^"]+)"', page.text)
    assert len(sources) >= 5
    for source in sources:
        assert source.startswith("/assets/"), source
        response = client.get(source, headers={"Accept-Encoding": "gzip"})
        assert response.status_code == 200, source
        assert response.cache_control.immutable


@pytest.mark.parametrize(
    "path", ["/", "/explore", "/me", "/releases", "/snapshots", "/contributors", "/sql", "/none"]
)
def test_no_page_repeats_the_host_that_a_request_names(client: FlaskClient, path: str) -> None:
    headers = {"Accept": "text/html", "Host": "evil.example"}
    assert "evil.example" not in client.get(path, headers=headers).text


def test_files_are_sent_compressed_to_those_who_take_it(client: FlaskClient) -> None:
    address = asset_of(client, "site/site.css")
    packed = client.get(address, headers={"Accept-Encoding": "br, gzip"})
    plain = client.get(address)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.data) == plain.data


@pytest.mark.parametrize("path", ["none.css", "../__init__.py", "vendor/SUMS", "%2e%2e/maps.py"])
def test_no_other_file_is_sent(client: FlaskClient, path: str) -> None:
    assert client.get(f"/assets/1/{path}").status_code == 404


def test_a_person_gets_errors_as_pages_and_a_program_as_envelopes(client: FlaskClient) -> None:
    for path in ("/none", "/maps/none/"):
        page = client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
        assert (page.status_code, page.mimetype) == (404, "text/html")
        assert "<h1>Not found</h1>" in page.text
        assert client.get(path).get_json()["code"] == 404
    assert client.get("/v1/none", headers={"Accept": "application/json"}).is_json


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/none", "/"),
        ("/releases/none", "/releases"),
        ("/contributors?release=none", "/releases"),
        ("/snapshots/1", "/snapshots"),
        ("/maps/none/", "/maps/"),
        ("/guides/none", "/guides"),
        ("/conversations/00000000-0000-7000-8000-000000000000", "/explore"),
    ],
)
def test_a_page_that_is_not_there_says_where_to_look(
    client: FlaskClient, path: str, link: str
) -> None:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert f'<a class="button plain" href="{link}">' in answer.text
    assert "URL" not in answer.text


def asset_of(client: FlaskClient, path: str) -> str:
    """Return the address of a file that every page loads."""
    (address,) = re.findall(f'"(/assets/[0-9a-f]+/{path})"', client.get("/").text)
    return str(address)


def test_the_documentation_names_only_files_of_this_server_and_all_are_there(
    client: FlaskClient,
) -> None:
    page = client.get("/docs/", buffered=True)
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(sources) >= 3
    for source in sources:
        assert not re.match(r"[a-z]+:|//", source), source
        response = client.get(urljoin("/docs/", source), buffered=True)
        assert response.status_code == 200, source


@pytest.mark.slow
def test_the_documentation_loads_our_description_and_no_validator(client: FlaskClient) -> None:
    script = client.get("/docs/start.js", buffered=True).text
    assert 'url: "/openapi.json"' in script
    assert 'validatorUrl: "none"' in script
    assert client.get("/openapi.json").get_json()["info"]["title"] == "chatlake"


def test_no_page_repeats_the_host_that_a_client_says(client: FlaskClient) -> None:
    for path in ("/docs/", "/maps/"):
        page = client.get(path, headers={"Host": "evil.example"}, buffered=True)
        assert page.status_code == 200
        assert "evil" not in page.text


def test_a_file_that_the_documentation_does_not_have_is_not_found(client: FlaskClient) -> None:
    for path in ("/docs/none.js", "/docs/../app/settings.py", "/docs/%2e%2e/__init__.py"):
        assert client.get(path).status_code == 404
