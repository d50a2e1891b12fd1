"""The files of other projects, in a browser under a policy as strict as that of the pages."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect

from app.site import policies
from tests.browsers import WATCH_POLICY, start_browser

pytestmark = pytest.mark.browser

VENDORED = Path(policies.__file__).parent / "static" / "vendor"
ORIGIN = "http://lake.test"
POLICY = "; ".join(
    f"{name} {sources}" for name, sources in {**policies.PAGE, "font-src": "'self'"}.items()
)
TYPES = {".css": "text/css", ".js": "text/javascript", ".woff2": "font/woff2"}
HTMX = {
    "allowEval": False,
    "allowScriptTags": False,
    "includeIndicatorStyles": False,
    "historyCacheSize": 0,
    "refreshOnHistoryMiss": True,
}
"""The configuration that works without inline code and styles, and keeps no page in storage."""
PAGE = f"""<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Console</title>
    <link rel="icon" href="data:,">
    <meta name="htmx-config" content='{json.dumps(HTMX)}'>
    <link rel="stylesheet" href="/fonts.css">
    <link rel="stylesheet" href="/uplot.css">
    <link rel="stylesheet" href="/page.css">
    <script defer src="/htmx.js"></script>
    <script defer src="/uplot.js"></script>
    <script type="module" src="/page.js"></script>
  </head>
  <body>
    <main>
      <h1>Console</h1>
      <label for="query">Query</label>
      <textarea id="query">SELECT 1</textarea>
      <button hx-get="/part" hx-target="#part" hx-push-url="/?part" hx-trigger="click">Part</button>
      <div id="part"></div>
      <div id="chart"></div>
    </main>
  </body>
</html>
"""
STYLE = """
:root { color-scheme: light dark; font-family: "Atkinson Hyperlegible Next Variable" }
.editor { --editor-font: "Atkinson Hyperlegible Mono Variable" }
"""
SCRIPT = """
import { createEditor } from "/editor.js";
window.ran = [];
window.editor = createEditor(document.querySelector("#query"), {
  schema: { contributions: ["agent_id", { label: "received_at", detail: "timestamp" }], turns: [] },
  onRun: text => window.ran.push(text),
});
new uPlot(
  { width: 300, height: 100, scales: { x: { time: false } }, series: [{}, { stroke: "teal" }] },
  [[1, 2, 3], [3, 1, 2]],
  document.querySelector("#chart"),
);
"""
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
OWN = {"/": PAGE, "/page.css": STYLE, "/page.js": SCRIPT, "/part": "<p>The part</p>"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of this module."""
    with start_browser() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """The page, which must end without an error, a refusal and a request to elsewhere."""
    problems: list[str] = []
    opened = browser.new_page()
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.add_init_script(WATCH_POLICY)
    opened.route("**/*", _answer)
    opened.goto(ORIGIN)
    opened.wait_for_function("window.editor")
    yield opened
    assert opened.evaluate("window.violations") == []
    assert problems == []
    opened.close()


def _answer(route: Route) -> None:
    url = route.request.url
    assert url.startswith(ORIGIN), url
    path = url.removeprefix(ORIGIN).partition("?")[0]
    body = OWN[path].encode() if path in OWN else (VENDORED / path[1:]).read_bytes()
    headers = {
        "Content-Type": TYPES.get(Path(path).suffix, "text/html"),
        "Content-Security-Policy": POLICY,
    }
    route.fulfill(body=body, headers=headers)


def _editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Query")


def test_columns_are_proposed_and_the_textarea_keeps_the_text(page: Page) -> None:
    assert _editor(page).inner_text() == "SELECT 1"
    # A click below the lines is one into the text, in every browser.
    all_of_it, text = page.locator(".editor").bounding_box(), _editor(page).bounding_box()
    assert all_of_it and text and text["height"] > 0.9 * all_of_it["height"]
    page.get_by_text("Query").click()
    expect(_editor(page)).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("SELECT contributions.rec")
    proposed = page.get_by_role("option", name="received_at")
    expect(proposed).to_have_attribute("aria-selected", "true")
    expect(proposed).to_contain_text("timestamp")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert Axe().run(page).generate_snapshot() == ""
    proposed.click()
    page.keyboard.press("Control+Enter")
    assert page.evaluate("window.ran") == ["SELECT contributions.received_at"]
    assert page.locator("#query").input_value() == "SELECT contributions.received_at"
    # Nothing keeps the keyboard in the editor.
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Part")).to_be_focused()


def test_a_text_that_the_page_puts_in_can_be_undone(page: Page) -> None:
    page.evaluate("window.editor.replaceText('SELECT 2')")
    assert page.locator("#query").input_value() == "SELECT 2"
    page.evaluate("window.editor.focus()")
    page.keyboard.press("Control+z")
    assert page.locator("#query").input_value() == "SELECT 1"


def test_marks_that_turn_the_direction_of_a_query_are_seen(page: Page) -> None:
    page.evaluate("window.editor.replaceText('SELECT \\u202e1')")
    expect(page.locator(".cm-specialChar")).to_have_attribute(
        "title", "Control character right-to-left override"
    )


def test_parts_charts_and_fonts_need_no_exception_from_the_policy(page: Page) -> None:
    page.get_by_role("button", name="Part").click()
    expect(page.locator("#part")).to_have_text("The part")
    assert page.url == f"{ORIGIN}/?part"
    expect(page.locator("#chart canvas")).to_be_visible()
    page.wait_for_function(
        "[...document.fonts].filter(font => font.status === 'loaded').length === 2"
    )
    assert page.evaluate("document.querySelectorAll('style').length") == 0
    assert page.evaluate("sessionStorage.getItem('htmx-history-cache')") is None
