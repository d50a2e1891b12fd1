"""The documentation's page in a real browser, served by the real server."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsers import TIMEOUT_MS, WATCH_POLICY
from tests.functional.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page."""
    opened = browser.new_page()
    opened.set_default_timeout(TIMEOUT_MS)
    yield opened
    opened.close()


def test_the_page_shows_every_operation_tries_one_out_and_asks_no_other_server(
    page: Page, shared_server: Server
) -> None:
    requested: list[str] = []
    failed: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on(
        "response",
        lambda response: failed.append(response.url) if response.status >= 400 else None,
    )
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.add_init_script(WATCH_POLICY)

    page.goto(f"{shared_server.url}/docs")
    document = page.request.get(f"{shared_server.url}/openapi.json").json()
    summaries = {
        operation["summary"]
        for item in document["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    }
    blocks = page.locator(".opblock")
    expect(blocks).to_have_count(len(summaries))
    shown = page.locator(".opblock-summary-description").all_inner_texts()
    assert set(shown) == summaries
    expect(page.locator(".info .title")).to_contain_text("chatlake")

    submitting = page.locator(".opblock-post", has=page.locator("[data-path='/v1/ingest/chat']"))
    submitting.locator(".opblock-summary-control").click()
    expect(submitting.locator(".opblock-body")).to_contain_text("mistral-7b-instruct")
    _try_out(page)
    page.wait_for_load_state("networkidle")

    outside = [url for url in requested if not url.startswith((shared_server.url, "data:"))]
    assert outside == []
    assert f"{shared_server.url}/openapi.json" in requested
    assert failed == []
    assert problems == []
    assert page.evaluate("window.violations") == []


def _try_out(page: Page) -> None:
    """Send a request from the page, and wait for its answer."""
    block = page.locator(".opblock", has_text="/v1/health/")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status").first).to_contain_text("200")
    expect(answer).to_contain_text('"status": "ok"')


@pytest.mark.parametrize("path", ["/docs/", "/maps/"])
def test_injected_html_neither_runs_nor_loads_anything(
    page: Page, shared_server: Server, path: str
) -> None:
    """As if a page took a text for markup: its policy alone has to hold."""
    page.add_init_script(WATCH_POLICY)
    # What a script of ours draws takes seconds, and the policy comes with the page.
    page.route("**/*.js", lambda route: route.abort())
    page.goto(f"{shared_server.url}{path}")
    refused: list[str] = page.evaluate(
        """async () => {
            const script = document.createElement("script");
            script.textContent = "window.evil = 1";
            const image = document.createElement("img");
            image.src = "https://evil.example/x.png";
            const frame = document.createElement("iframe");
            frame.src = "/docs/";
            document.body.append(script, image, frame);
            while (window.violations.length < 3) {
                await new Promise(resolve => setTimeout(resolve, 10));
            }
            return window.violations;
        }"""
    )
    assert {each.partition(":")[0] for each in refused} == {
        "script-src-elem",
        "img-src",
        "frame-src",
    }
    assert page.evaluate("window.evil") is None
