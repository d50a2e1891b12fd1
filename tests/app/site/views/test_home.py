"""The first page."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.maps.description import MapParameters
from app.services import Services, services_of
from app.settings import Settings
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_received
from tests.lakes import opened_app


def code(page: str) -> list[str]:
    """Return the lines to copy."""
    return [unescape(found) for found in re.findall(r"<code>(.+?)</code></pre>", page, re.DOTALL)]


def test_an_empty_lake_says_what_it_is_and_how_to_begin(client: FlaskClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "<h1>chatlake</h1>" in answer.text
    assert "Nothing is here yet." in answer.text
    assert "An open lake of conversations" in answer.text


@pytest.mark.slow
def test_the_operators_words_and_the_size_of_the_lake_are_shown(
    settings: Settings, tmp_path: Path
) -> None:
    words = tmp_path / "words.md"
    words.write_text("# Aims\n\nFor *science*. <script>evil()</script>", encoding="utf-8")
    mine = replace(settings, site_title="Our <lake>", site_file=words)
    with opened_app(mine) as app:
        services = services_of(app)
        commit_batch(services, make_received(0), make_received(1, "a", "b", "c"))
        page = app.test_client().get("/").text
    assert "<h1>Our &lt;lake&gt;</h1>" in page
    assert "<h2>Aims</h2>" in page
    assert "<em>science</em>" in page
    assert "<script>evil" not in page
    assert re.search(r"Conversations</dt><dd>2<", page)
    assert re.search(r"Turns</dt><dd>5<", page)
    assert 'data-value="2"' in page


@pytest.mark.slow
def test_the_newest_release_is_shown_with_its_map(services: Services, client: FlaskClient) -> None:
    first = commit_batch(services, *(make_received(day, f"text {day}") for day in range(3)))
    services.publishing.releases.build(make_recipe("first"), first)
    services.publishing.releases.build(
        make_recipe("second"), commit_batch(services, make_received(4))
    )
    services.publishing.maps.build_of_release("a-map", "second", MapParameters(embedding="tfidf"))
    page = client.get("/").text
    assert 'href="/releases/second"' in page
    assert "/maps/a-map/picture.png" in page
    services.access.gates.close("release", "second", "read")
    page = client.get("/").text
    assert 'href="/releases/first"' in page
    assert "a-map" not in page


def test_lines_to_copy_have_what_this_lake_asks_for_and_no_host(settings: Settings) -> None:
    version = "it's $HOME <1>"
    terms = settings.home / "terms.md"
    terms.write_text("Be kind.", encoding="utf-8")
    closed = replace(
        settings,
        ingest_access="keys",
        raw_access="keys",
        require_terms=True,
        terms_file=terms,
        terms_version=version,
    )
    with opened_app(closed) as app:
        page = app.test_client().get("/", headers={"Host": "evil.example"}).text
    assert "evil" not in page
    assert "Conversations</dt>" not in page
    submission, client, file, *_ = code(page)
    assert "$LAKE/v1/ingest/chat" in submission
    assert 'Bearer $KEY"' in submission
    body = submission.split("-d '")[1].removesuffix("'")
    assert "'" not in body
    assert json.loads(body)["terms_version"] == version
    compile(client, "example", "exec")
    assert "'\"'\"'" in file
