"""A contributor and a moderator on the site, in a real browser on the real server."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from app.access.contributors.keys import new_contributor_key
from tests.browsers import wait_for_heading
from tests.functional.server import REQUEST_TIMEOUT_S, Server
from tests.lakes import opened_app

pytestmark = pytest.mark.browser

TURNS = [
    {"role": "system", "content": "Be careful. " * 100},
    {"role": "user", "content": "# Why\n\nis the sky blue?\u202e <b>"},
    {
        "role": "assistant",
        "content": "```python\nprint(1)  # one\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |",
        "edited_content": "Rayleigh scattering.",
        "model": "sky-1",
        "reasoning": "It scatters.",
        "rating": "positive",
        "tool_calls": [{"id": "1", "name": "look_up", "arguments": '{"of": "sky"}'}],
    },
    {
        "role": "assistant",
        "content": "Blue light scatters most.",
        "alternatives": [[{"role": "assistant", "content": "`Magic`, perhaps."}]],
    },
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own, on which things are withdrawn."""
    with Server(tmp_path_factory.mktemp("site") / "home", takedown_grace_s=1) as made:
        yield made


def send(server: Server, key: str, **fields: Any) -> str:
    """Send a conversation with a contributor key, and return its id once it is committed."""
    answer = requests.post(
        f"{server.url}/v1/ingest/chat",
        json={"agent_id": "sky", "conversation": TURNS, **fields},
        headers={"Authorization": f"Bearer {key}", "Prefer": "wait=30"},
        timeout=REQUEST_TIMEOUT_S,
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["contribution_id"])


def use_key(page: Page, key: str) -> None:
    page.locator("[data-key-form] input").fill(key)
    page.get_by_role("button", name="Use it").click()


def test_a_contributor_gets_a_key_and_sees_and_withdraws_what_is_theirs(
    page: Page, server: Server, problems: list[str]
) -> None:
    page.goto(f"{server.url}/me")
    page.get_by_role("button", name="Make a key").click()
    shown = page.locator(".done code").first
    expect(shown).to_have_text(re.compile("clc_"))
    expect(page.get_by_role("button", name="Make a key")).to_be_hidden()
    key = shown.text_content() or ""
    name = send(server, key, title="The sky", ingest_id="sky-1")

    use_key(page, key)
    wait_for_heading(page, "Your contributions")
    with page.expect_download() as taken:
        page.get_by_role("link", name="NDJSON").click()
    assert name in taken.value.path().read_text()
    page.get_by_role("link", name="The sky").click()
    wait_for_heading(page, "The sky")
    assert page.url == f"{server.url}/conversations/{name}"
    expect(page.locator(".neighbours")).to_contain_text("It is on no map.")
    assert page.title().startswith("The sky")
    expect(page.locator(".turn")).to_have_count(len(TURNS))
    expect(page.locator(".turn").nth(1)).to_contain_text("is the sky blue?⟦U+202E⟧ <b>")
    expect(page.locator("ins")).to_contain_text(["Rayleigh"])

    page.get_by_text("Withdraw it", exact=True).click()
    page.get_by_label("I want it to be gone").check()
    page.get_by_role("button", name="Withdraw for good").click()
    expect(page.locator(".done")).to_contain_text("Withdrawn. Nobody sees it any more")
    gone = requests.get(f"{server.url}/conversations/{name}", timeout=REQUEST_TIMEOUT_S)
    assert gone.status_code == 410
    page.get_by_role("link", name="your page").click()
    wait_for_heading(page, "Your contributions")
    expect(page.locator("tbody")).to_contain_text(name)
    assert key not in page.content()
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert key not in kept
    assert problems == []
    assert page.evaluate("window.violations") == []


def test_a_reader_reports_and_a_moderator_decides(
    page: Page, server: Server, problems: list[str]
) -> None:
    with opened_app(server.lake) as app:
        created = app.test_cli_runner().invoke(args=["key", "create", "ada", "--role", "moderate"])
    name = send(server, server_key(server), title="Doubtful")
    page.goto(f"{server.url}/conversations/{name}")
    page.get_by_text("Something is wrong with it").click()
    page.get_by_label("What is wrong").select_option("spam")
    page.get_by_label("What moderators should know").fill("It <b>sells</b> something")
    page.get_by_role("button", name="Report").click()
    expect(page.locator(".done")).to_contain_text("A moderator will look at it")

    page.goto(f"{server.url}/me")
    use_key(page, created.stdout.strip())
    expect(page.locator(".notice").first).to_contain_text("is an API key")
    page.get_by_role("link", name="Moderation").click()
    wait_for_heading(page, "Moderation")
    page.locator(".list a").first.click()
    wait_for_heading(page, "Review")
    expect(page.locator("main")).to_contain_text("It <b>sells</b> something")
    page.locator("summary", has_text="Approve").click()
    page.locator("#approve-why").fill("harmless")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".done")).to_contain_text("Approved.")
    page.get_by_role("link", name="Log").click()
    wait_for_heading(page, "Log of moderation")
    expect(page.locator("tbody")).to_contain_text("harmless")
    page.get_by_role("link", name="Bans").click()
    wait_for_heading(page, "Bans")
    page.get_by_label("contributor_ids").fill("nobody")
    page.get_by_role("button", name="Ban").click()
    expect(page.locator(".outcome .errors")).to_contain_text("contributor_ids")
    # The browser itself says so of an answer with 422.
    assert [problem for problem in problems if "422" not in problem] == []
    assert page.evaluate("window.violations") == []


def server_key(server: Server) -> str:
    """Return a new contributor key."""
    answer = requests.post(f"{server.url}/v1/contributors", timeout=REQUEST_TIMEOUT_S)
    return str(answer.json()["contributor_key"])


def test_conversations_are_read_and_reported_without_javascript(
    browser: Browser, server: Server
) -> None:
    name = send(server, server_key(server), title="Plain")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}/conversations/{name}")
    expect(page.locator(".turn")).to_have_count(len(TURNS))
    page.get_by_text("Something is wrong with it").click()
    page.get_by_role("button", name="Report").click()
    wait_for_heading(page, "Reported")
    page.get_by_role("link", name="Back to the conversation").click()
    page.get_by_role("link", name="Near duplicates").click()
    wait_for_heading(page, "Neighbours")
    context.close()


def test_a_link_in_a_text_puts_nothing_into_a_page_that_has_a_key(
    page: Page, server: Server
) -> None:
    """Answers of the API have texts of strangers in them, which are no HTML."""
    planted = "<main id=main><p hx-get=/planted hx-trigger=load>planted</p></main>"
    text = f"[more](/v1/contributions?source=trap)\n\n{planted}"
    turns = [{"role": "user", "content": text}]
    key = new_contributor_key()
    send(server, key, source="trap", title="Trap", conversation=turns)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/me")
    use_key(page, key)
    page.get_by_role("link", name="Trap").click()
    wait_for_heading(page, "Trap")
    page.get_by_role("link", name="more", exact=True).click()
    page.wait_for_load_state("networkidle")
    assert any("source=trap" in address for address in asked)
    assert not any(address.endswith("/planted") for address in asked)
