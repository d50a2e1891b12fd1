"""Hostile texts on every page, in a real browser: they are shown, and nothing of them runs."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from app.access.contributors.keys import new_contributor_key
from app.services import current_services
from tests.browsers import TIMEOUT_MS, WATCH_POLICY, start_browser
from tests.functional.hostile_texts import TEXTS
from tests.functional.server import Server
from tests.lakes import opened_app

pytestmark = pytest.mark.browser

_PAGES_AT_ONCE = 8
"""A page counts as loaded after half a second without requests: so long they wait together."""
_TEXTS_OF_A_CONVERSATION = 10
_MAX_NAME_CHARACTERS = 100
NAMES = [text for text in TEXTS if len(text) <= _MAX_NAME_CHARACTERS and text.isprintable()]
"""Those that may be a name, such as that of a model."""
KEY = new_contributor_key()
_OPEN_IN_PLACE = """
address => htmx.ajax("GET", address, {target: "#main", select: "#main", swap: "outerHTML"})
"""
"""Opens a page as links do while a key is in use: htmx obeys attributes of what it puts in."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose lake has nothing but hostile texts."""
    with Server(tmp_path_factory.mktemp("hostile") / "home", site_title=NAMES[0]) as started:
        yield started


@pytest.fixture(scope="module")
def ids(server: Server) -> list[str]:
    """The contributions of the lake, which have the texts in every place that takes one."""
    bodies = [submission(number, texts) for number, texts in enumerate(batched_texts())]
    answers = [
        requests.post(
            f"{server.url}/v1/ingest/chat", json=body, headers={"Prefer": "wait=30"}, timeout=60
        )
        for body in bodies
    ]
    assert [answer.status_code for answer in answers] == [200] * len(bodies), answers[0].text
    return [answer.json()["contribution_id"] for answer in answers]


def batched_texts() -> Iterator[tuple[str, ...]]:
    """Yield the texts of each conversation."""
    for start in range(0, len(TEXTS), _TEXTS_OF_A_CONVERSATION):
        yield TEXTS[start : start + _TEXTS_OF_A_CONVERSATION]


def submission(number: int, texts: tuple[str, ...]) -> dict[str, Any]:
    """Return a submission with these texts in its turns, and others in all other places."""
    name = NAMES[number % len(NAMES)]
    turns = [turn(place, text, name) for place, text in enumerate(texts)]
    return {
        "conversation": turns,
        **dict.fromkeys(("agent_id", "source", "attribution", "licence"), name),
        **dict.fromkeys(("title", "prompt_template", "chat_template"), texts[0]),
        "client": {"name": name, "version": name},
        "tools": [{"name": texts[0]}],
        "labels": {name: texts[1]},
        "submitter_id": KEY,
    }


def turn(place: int, text: str, name: str) -> dict[str, Any]:
    """Return a turn with a text wherever a turn can have one."""
    spoken: dict[str, Any] = {"role": "user", "content": text}
    if place % 2:
        spoken |= {"role": "assistant", "model": name, "reasoning": text, "edited_content": text}
        spoken["tool_calls"] = [{"id": name, "name": name, "arguments": text}]
        spoken["alternatives"] = [[{"role": "assistant", "content": text}]]
    spoken["name"] = name
    spoken["attachments"] = [{"kind": name, "name": name, "media_type": name, "text": text}]
    return spoken


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    """A window of a browser, whose pages note what their policy refuses."""
    with start_browser() as browser:
        opened = browser.new_context()
        opened.set_default_timeout(TIMEOUT_MS)
        opened.add_init_script(WATCH_POLICY)
        yield opened


def addresses(ids: list[str]) -> Iterator[str]:
    """Yield the addresses of pages that show texts of strangers."""
    yield from ("/", "/explore", "/releases", "/snapshots", "/snapshots/now", "/contributors")
    for contribution_id in ids:
        yield f"/conversations/{contribution_id}"
    for name in (NAMES[0], NAMES[-1]):
        for parameter in ("q", "source", "agent_id", "model", "attribution", "snapshot_id", "tag"):
            yield f"/explore?{urlencode({parameter: name})}"
        yield f"/sql?{urlencode({'q': name})}"
        yield f"/conversations/{urlencode({'': name})[1:]}"
        yield f"/{urlencode({'': name})[1:]}"
    yield f"/sql?{urlencode({'q': 'SELECT * FROM contributions'})}"
    yield f"/sql?{urlencode({'q': 'SELECT * FROM turns'})}"


def test_hostile_texts_are_shown_on_every_page_and_nothing_of_them_runs(
    server: Server, ids: list[str], context: BrowserContext
) -> None:
    requested: list[str] = []
    problems: list[str] = []
    context.on("request", lambda request: requested.append(request.url))
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("dialog", lambda dialog: problems.append(dialog.message))
    pages = [context.new_page() for _ in range(_PAGES_AT_ONCE)]
    asked = list(addresses(ids))
    for start in range(0, len(asked), len(pages)):
        opened = dict(zip(asked[start : start + len(pages)], pages, strict=False))
        for address, page in opened.items():
            open_page(server, page, address)
        for address, page in opened.items():
            check_page(server, page, address)
    assert problems == []
    assert [url for url in requested if not url.startswith(f"{server.url}/")] == []


def open_page(server: Server, page: Page, address: str) -> None:
    """Open a page, and return when it has begun to load."""
    answer = page.goto(server.url + address, wait_until="commit")
    assert answer is not None
    assert answer.status < 500, address
    assert "text/html" in answer.headers["content-type"], address


def check_page(server: Server, page: Page, address: str) -> None:
    """Wait until a page asks for nothing any more, and check that no text has run on it."""
    page.wait_for_load_state("networkidle")
    # At once: a locator of those that are closed finds fewer after each that is opened.
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
    assert page.evaluate("typeof window.ran") == "undefined", address
    assert page.evaluate("window.violations") == [], address
    assert page.url.startswith(server.url + "/"), address


def test_nothing_of_them_acts_with_a_key(
    server: Server, ids: list[str], context: BrowserContext
) -> None:
    """The pages of their owner and of moderators are put in by htmx, which has the key."""
    with opened_app(server.lake) as app, app.app_context():
        services = current_services()
        moderator = services.access.keys.create("moderator", "moderate")
        for contribution_id, text in zip(ids, NAMES, strict=False):
            services.moderation.service.report(contribution_id, "spam", text, "1" * 32)
        services.access.bans.ban(["f" * 32], actor="moderator", reason=NAMES[0])
    page = context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    of_reviews = [f"/moderation/{contribution_id}" for contribution_id in ids]
    of_moderators = ["/moderation", *of_reviews, "/moderation/bans", "/moderation/log"]
    of_owner = ["/me", *(f"/conversations/{contribution_id}" for contribution_id in ids)]
    for start, key, opened in (("/me", KEY, of_owner), ("/moderation", moderator, of_moderators)):
        page.goto(server.url + start)
        page.locator("[data-key-form] input").fill(key)
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("main .list")).to_be_visible()
        for address in opened:
            page.evaluate(_OPEN_IN_PLACE, address)
            expect(page.locator("h1")).to_have_count(1)
            page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
            assert page.evaluate("typeof window.ran") == "undefined", address
            assert page.evaluate("window.violations") == [], address
    asked = {url.removeprefix(server.url).partition("?")[0] for url in requested}
    pages = {*of_owner, *of_moderators, *(f"{address}/neighbours" for address in of_owner[1:])}
    assert {path for path in asked if not path.startswith("/assets/")} == pages


def test_every_text_can_be_read(server: Server, ids: list[str]) -> None:
    for contribution_id, texts in zip(ids, batched_texts(), strict=True):
        shown = requests.get(f"{server.url}/conversations/{contribution_id}", timeout=60)
        assert shown.status_code == 200
        assert shown.text.count("window.ran=1") >= sum("window.ran=1" in text for text in texts)


def test_the_texts_are_kept_as_they_were_sent(server: Server, ids: list[str]) -> None:
    for contribution_id, texts in zip(ids, batched_texts(), strict=True):
        found = requests.get(f"{server.url}/v1/contributions/{contribution_id}", timeout=60).json()
        assert [spoken["content"] for spoken in found["conversation"]] == list(texts)
