"""Debian's Chromium, as tests of pages start it."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

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
WATCH_POLICY: Final = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => {
  window.violations.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`);
});
"""
"""Notes what a page's policy refused to it, before anything of the page runs."""


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
