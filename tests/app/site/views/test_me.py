"""The pages of a contributor's own contributions."""

import json
import re
from dataclasses import replace
from html import unescape
from typing import Final

import pytest
from flask.testing import FlaskClient

from app.access.contributors.keys import new_contributor_key
from app.services import Services
from app.settings import Settings
from app.site.views import me
from tests.app.site.views.test_conversations import bearer, text_of
from tests.factories import UNGUESSABLE, commit_batch, hide, make_received
from tests.lakes import opened_app

KEY: Final = new_contributor_key()


def mine(services: Services, day: int, *texts: str, key: str = KEY, **fields: str) -> str:
    """Commit a contribution of a contributor key, and return its id."""
    owner = services.access.ids.contributor_id(key)
    made = make_received(day, *texts, contributor_id=owner, **fields)
    commit_batch(services, made)
    return made.contribution_id


def test_without_a_key_the_page_says_what_one_is_for(client: FlaskClient) -> None:
    answer = client.get("/me")
    assert answer.status_code == 200
    assert "data-key-form" in answer.text
    assert 'hx-post="/me/key"' in answer.text
    assert "curl $LAKE/v1/ingest/chat" in answer.text
    assert "terms_version" not in answer.text


def test_the_line_to_copy_agrees_to_terms_that_the_lake_requires(settings: Settings) -> None:
    terms = settings.home / "terms.md"
    terms.write_text("Be kind.", encoding="utf-8")
    asking = replace(settings, require_terms=True, terms_file=terms, terms_version="it's <1>")
    with opened_app(asking) as app:
        page = app.test_client().get("/me").text
    (line,) = (unescape(each) for each in re.findall(r"<code>(curl .*?)</code>", page, re.DOTALL))
    body = line.split("-d '")[1].removesuffix("'")
    assert "'" not in body
    assert json.loads(body)["terms_version"] == "it's <1>"


def test_a_lake_that_takes_nothing_without_an_api_key_says_so(settings: Settings) -> None:
    with opened_app(replace(settings, ingest_access="keys")) as app:
        page = app.test_client().get("/me").text
    assert "with an API key of its operator only" in page
    assert 'hx-post="/me/key"' not in page


def test_pages_never_repeat_the_host_that_a_request_names(
    client: FlaskClient, services: Services
) -> None:
    mine(services, 0, "tides")
    for headers in ({}, bearer(KEY)):
        answer = client.get("/me", headers={**headers, "Host": "elsewhere.example"})
        assert answer.status_code == 200
        assert "elsewhere.example" not in answer.text


def test_a_key_is_made_and_shown_once(client: FlaskClient, services: Services) -> None:
    answer = client.post("/me/key")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "private, no-store")
    (key,) = re.findall(r"clc_[A-Za-z0-9_-]{49}", answer.text)
    assert services.access.ids.contributor_id(key) in answer.text
    assert "Nothing in this lake belongs to this key" in client.get("/me", headers=bearer(key)).text


@pytest.mark.slow
def test_the_page_lists_every_version_and_nothing_of_others(
    client: FlaskClient, services: Services
) -> None:
    old = mine(services, 0, "the old one", conversation_id="chat")
    new = mine(services, 1, "the new one", conversation_id="chat")
    hidden = mine(services, 2, "a hidden one", title="Hidden <one>")
    mine(services, 2, "somebody's", key=UNGUESSABLE)
    hide(services, hidden)
    answer = client.get("/me", headers=bearer(KEY))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
    assert services.access.ids.contributor_id(KEY) in answer.text
    names = re.findall(r'href="/conversations/([^"]+)"', answer.text)
    assert names == [hidden, new, old]
    assert "Hidden &lt;one&gt;" in answer.text
    assert "somebody" not in answer.text
    assert answer.text.count('<span class="tag">replaced</span>') == 1
    assert answer.text.count('<span class="tag">hidden from others</span>') == 1
    assert KEY not in answer.text
    with_other_host = client.get("/me", headers={**bearer(KEY), "Host": "evil.example"})
    assert "evil.example" not in with_other_host.text


@pytest.mark.slow
def test_pages_stay_on_their_snapshot(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(me, "_PAGE_ROWS", 2)
    names = [mine(services, day, f"number {day}") for day in range(3)]
    page = client.get("/me", headers=bearer(KEY)).text
    (following,) = re.findall(r'rel="next" href="([^"]+)"', page)
    late = mine(services, 3, "number 3")
    later = client.get(following, headers=bearer(KEY)).text
    assert re.findall(r'href="/conversations/([^"]+)"', later) == names[:1]
    assert late in client.get("/me", headers=bearer(KEY)).text
    assert client.get("/me?cursor=none", headers=bearer(KEY)).status_code == 422


@pytest.mark.slow
def test_everything_is_taken_along_as_a_file(client: FlaskClient, services: Services) -> None:
    name = mine(services, 0, "mine")
    hidden = mine(services, 1, "hidden")
    mine(services, 2, "somebody's", key=UNGUESSABLE)
    hide(services, hidden)
    suffixes = {"ndjson": "ndjson", "csv": "csv", "parquet": "parquet", "arrow": "arrows"}
    answers = {
        form: client.get(f"/me/download/{form}", headers=bearer(KEY), buffered=True)
        for form in suffixes
    }
    for form, answer in answers.items():
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
        named = f'filename="my-contributions.{suffixes[form]}"'
        assert named in answer.headers["Content-Disposition"]
        assert b"somebody" not in answer.data, form
    rows = [json.loads(line) for line in answers["ndjson"].text.splitlines()]
    assert [row["contribution_id"] for row in rows] == [name, hidden]


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("GET", "/me/download/csv", None, 401),
        ("POST", "/me/withdraw", None, 401),
        ("GET", "/me", "anonymous", 403),
        ("GET", "/me", "clc_mistyped", 422),
        ("GET", "/me/download/none", KEY, 404),
        ("POST", "/me/withdraw", KEY, 404),
    ],
    # The key is made anew in each process, and so can't be a part of a test's name.
    ids=range(6),
)
def test_what_cannot_be_done_is_told_by_a_page(
    client: FlaskClient, method: str, path: str, key: str | None, status: int
) -> None:
    answer = client.open(path, method=method, headers=bearer(key) if key else {})
    assert (answer.status_code, answer.mimetype) == (status, "text/html")


def test_an_api_key_owns_nothing_by_itself(client: FlaskClient, services: Services) -> None:
    key = services.access.keys.create("reader", "read")
    answer = client.get("/me", headers=bearer(key))
    assert answer.status_code == 200
    assert "is an API key" in answer.text


@pytest.mark.slow
def test_all_is_withdrawn_and_the_page_tells_the_state(
    client: FlaskClient, services: Services
) -> None:
    name = mine(services, 0, "mine")
    assert client.post("/me/withdraw", headers=bearer(KEY)).status_code == 202
    answer = client.get("/me", headers=bearer(KEY))
    assert name not in answer.text
    assert "1 everything" in text_of(answer.text)
    assert "hidden, being erased" in answer.text
    services.access.takedowns.finish(services.access.takedowns.unfinished())
    assert "being erased" not in client.get("/me", headers=bearer(KEY)).text
