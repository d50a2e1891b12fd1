"""Releases, snapshots, contributors, SQL and the status, in a real browser on the real server."""

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from app.query.snapshots import Reference
from app.services import current_services
from tests.app.releases.factories import make_recipe
from tests.browsers import TIMEOUT_MS, wait_for_heading
from tests.factories import make_submission
from tests.functional.server import Server
from tests.lakes import opened_app

pytestmark = pytest.mark.browser

CLOSED: Final = "needs-a-key"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a lake with three releases, one of which needs a key."""
    with Server(tmp_path_factory.mktemp("site") / "home", sql_timeout_s=30) as made:
        for number in range(3):
            body = make_submission(f"Question {number}", "Answer", attribution=f"Ada {number}")
            assert made.submit(body, wait_s=30).status_code == 200
            with opened_app(made.lake) as app, app.app_context():
                services = current_services()
                snapshot = services.reading.snapshots.find(Reference())
                name = CLOSED if number == 2 else f"release-{number}"
                services.publishing.releases.build(make_recipe(name), snapshot)
                services.access.gates.close("release", CLOSED, "read")
        yield made


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    """The key of an operator."""
    with opened_app(server.lake) as app, app.app_context():
        return current_services().access.keys.create("operator", "operate")


def test_a_visitor_finds_a_release_and_what_it_is_made_of(
    page: Page, server: Server, problems: list[str]
) -> None:
    page.goto(f"{server.url}/releases")
    wait_for_heading(page, "Releases")
    page.get_by_role("link", name="release-1").click()
    wait_for_heading(page, "release-1")
    page.locator("#rows").scroll_into_view_if_needed()
    expect(page.locator("#preview")).to_contain_text("Question 0")
    page.get_by_text("pandas", exact=True).click()
    sample = page.locator(".drawer[open]")
    expect(sample).to_contain_text(f"{server.url}/v1/releases/release-1/files")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#difference dd").first).to_have_text("0")
    with page.expect_download() as taken:
        page.get_by_role("link", name="parquet/train-00000.parquet").click()
    assert taken.value.path().read_bytes().startswith(b"PAR1")

    page.locator("a[href^='/snapshots/']").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Snapshot")
    page.get_by_role("link", name="What this commit changed").click()
    wait_for_heading(page, "What changed")
    expect(page.locator("dd").first).to_have_text("1")
    page.get_by_role("link", name="Snapshots").click()
    wait_for_heading(page, "Snapshots")
    page.get_by_role("link", name="Contributors", exact=True).click()
    expect(page.locator("tbody")).to_contain_text("Ada 0")
    assert problems == []


def test_a_query_is_typed_run_drawn_and_taken_home(
    page: Page, server: Server, problems: list[str]
) -> None:
    page.goto(f"{server.url}/sql")
    editor = page.locator(".editor").get_by_role("textbox", name="Query")
    editor.press_sequentially("SELECT range AS n, range * 2 AS twice FROM range(5)")
    editor.press("Control+Enter")
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    expect(page.locator(".chart canvas")).to_be_visible()
    with page.expect_download() as taken:
        page.get_by_role("link", name="CSV").click()
    assert taken.value.path().read_text().splitlines()[-1] == "4,8"
    page.get_by_role("link", name="Turns by role").click()
    expect(page.locator(".bars")).to_contain_text("assistant")
    assert problems == []

    page.goto(f"{server.url}/sql?q=SELECT+nope")
    expect(page.get_by_role("alert")).to_contain_text("nope")
    # The browser says that the page had the status of an error.
    assert all("422" in problem for problem in problems)


def test_a_key_opens_the_status_and_a_closed_release(
    page: Page, server: Server, problems: list[str], key: str
) -> None:
    page.goto(f"{server.url}/status")
    page.locator("[data-key-form] input").fill(key)
    page.get_by_role("button", name="Use it").click()
    wait_for_heading(page, "Status")
    expect(page.locator("main")).to_contain_text("0 contributions")
    page.get_by_role("link", name="Releases").click()
    page.get_by_role("link", name=CLOSED).click()
    wait_for_heading(page, CLOSED)
    page.locator("#rows").scroll_into_view_if_needed()
    expect(page.locator("#preview")).to_contain_text("Question 2")
    with page.expect_download() as taken:
        page.get_by_role("link", name="jsonl/train-00000.jsonl").click()
    assert "Question" in taken.value.path().read_text()
    page.get_by_role("link", name="SQL").click()
    editor = page.locator(".editor").get_by_role("textbox", name="Query")
    editor.press_sequentially("SELECT 42 AS answer")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".rows td")).to_have_text("42")
    assert key not in page.url
    # The browser says that the page without a key had the status of an error.
    assert all("401" in problem for problem in problems)


def test_all_is_read_without_javascript(browser: Browser, server: Server) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"{server.url}/releases/release-1")
    page.get_by_role("link", name="The first rows").click()
    expect(page.locator("#preview")).to_contain_text("Question 0")
    page.go_back()
    page.get_by_role("button", name="Compare").click()
    wait_for_heading(page, "From release-1 to release-0")
    page.goto(f"{server.url}/sql")
    page.get_by_label("Query").fill("SELECT 42 AS answer")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".rows td")).to_have_text("42")
    context.close()
