import re
from urllib.parse import urljoin

from flask.testing import FlaskClient


def test_the_home_page_leads_to_the_documentation(client: FlaskClient) -> None:
    response = client.get("/", follow_redirects=True)
    assert response.status_code == 200
    assert response.request.path == "/docs/"
    assert "<title>chatlake</title>" in response.text


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
