"""Debian's Chromium, as tests of pages start it."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

CHROMIUM: Final = Path("/usr/bin/chromium")
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE: Final[ViewportSize] = {"width": 1280, "height": 900}
"""The size of a window that shows pages as a screen of a desk does."""
TIMEOUT_MS: Final = 120_000
"""How long a test waits until something is on a page, which takes a busy machine many seconds."""
WATCH_POLICY: Final = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => {
  window.violations.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`);
});
"""
"""Notes what a page's policy refused to it, before anything of the page runs."""

expect.set_options(timeout=TIMEOUT_MS)


@dataclass(frozen=True, slots=True)
class Form:
    """How a page is looked at.

    Attributes:
        width: The width of the window, in pixels.
        height: The height of the window, in pixels.
        scheme: The colours that the reader's system asks for.
    """

    width: int
    height: int
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.scheme} {self.width}"

    @property
    def size(self) -> ViewportSize:
        """The size of the window as Playwright takes it."""
        return {"width": self.width, "height": self.height}


EVERY_FORM: Final = (
    Form(1280, 900, "light"),
    Form(390, 844, "dark"),
    Form(1280, 900, "dark"),
    Form(390, 844, "light"),
)


@contextmanager
def start_browser(arguments: Sequence[str] = ARGUMENTS) -> Iterator[Browser]:
    """Start a browser without a window, with a profile of its own, and end it.

    Args:
        arguments: Arguments of its command line.
    """
    assert CHROMIUM.exists(), "apt-get install chromium"
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[*arguments],
            env={"HOME": profile, "PATH": "/usr/bin:/bin"},
        )
        yield browser
        browser.close()


def watch(page: Page, urls: str | tuple[str, ...]) -> list[str]:
    """Return a list to which a page adds what goes wrong in it, and requests to other servers.

    Args:
        page: The page, before it loads anything.
        urls: URL of the server that it may ask, or of several.
    """
    problems: list[str] = []
    page.add_init_script(WATCH_POLICY)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(urls) else problems.append(asked.url),
    )
    return problems


def wait_for_heading(page: Page, name: str) -> None:
    """Wait until a page has its first heading."""
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
