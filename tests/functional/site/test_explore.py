"""The first page and the page to explore, in a real browser, served by the real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browsers import TIMEOUT_MS, WIDE, watch
from tests.factories import make_submission
from tests.functional.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a lake with three commits."""
    with Server(tmp_path_factory.mktemp("explored") / "home") as started:
        for number in range(3):
            body = make_submission(f"Question {number}", "Answer", source=f"source-{number}")
            answer = requests.post(
                f"{started.url}/v1/ingest/chat",
                json=body,
                headers={"Prefer": "wait=30"},
                timeout=60,
            )
            assert answer.status_code == 200
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A window of a visitor."""
    opened = browser.new_context(viewport=WIDE)
    opened.set_default_timeout(TIMEOUT_MS)
    yield opened
    opened.close()


def test_a_visitor_reads_filters_travels_back_and_downloads(
    server: Server, context: BrowserContext, tmp_path: Path
) -> None:
    page = context.new_page()
    problems = watch(page, server.url)

    page.goto(server.url)
    expect(page.locator("#contribute code").first).to_contain_text(f"{server.url}/v1/ingest/chat")

    page.get_by_role("link", name="Explore the conversations").click()
    expect(page.get_by_role("heading", name="3 contributions")).to_be_visible()
    page.get_by_label("Text in a turn").fill("question 1")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("mark")).to_have_text("Question 1")
    # The counts of a search come after the page.
    expect(page.locator("#facets .bars").first).to_contain_text("source-1")
    expect(page.get_by_role("heading", name="1 contribution")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="NDJSON").click()
    downloading.value.save_as(tmp_path / "found.ndjson")
    assert b"Question 1" in (tmp_path / "found.ndjson").read_bytes()

    page.get_by_role("link", name="Remove Text: question 1").click()
    page.get_by_text("Moment and days").click()
    slider = page.get_by_label("Through the history")
    slider.press("Home")
    expect(page.locator("output")).to_contain_text("1 contribution")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 contribution", exact=True)).to_be_visible()
    expect(page.locator(".excerpt")).to_contain_text("Question 0")
    page.goto(f"{server.url}/explore?source=none")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()

    assert problems == []
    assert page.evaluate("window.violations") == []


def test_it_is_read_without_javascript(server: Server, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}/explore")
    page.get_by_label("Text in a turn").fill("question 2")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("mark")).to_have_text("Question 2")
    page.get_by_role("link", name="Count what matches").click()
    page.get_by_role("link", name="source-2").click()
    expect(page.locator(".excerpt")).to_have_count(1)
    context.close()
