"""A browser, and pages of it whose problems are noted."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browsers import TIMEOUT_MS, WIDE, start_browser, watch
from tests.functional.server import Server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with start_browser() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A wide, light page."""
    opened = browser.new_page(viewport=WIDE, color_scheme="light")
    opened.set_default_timeout(TIMEOUT_MS)
    yield opened
    opened.close()


@pytest.fixture
def problems(page: Page, server: Server) -> list[str]:
    """What goes wrong in the page, of the module's server."""
    return watch(page, server.url)
