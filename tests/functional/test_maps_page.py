"""A map in a real browser, served by the real server."""

import tempfile
from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from app.maps.build import build_map
from app.maps.description import MapParameters
from app.maps.store import MapStore
from tests.app.maps.rows import SOURCE, about_topics, batch, turn
from tests.functional.server import Server
from tests.functional.test_docs_page import ARGUMENTS, CHROMIUM, WATCH_POLICY

pytestmark = pytest.mark.browser

TIMEOUT_MS = 120_000
# WebGL without a graphics card.
WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WITHOUT_WEBGPU = {"Could not request WebGPU adapter", "Could not get WebGPU device"}
"""What the viewer says in the console before it draws with WebGL."""
EVIL = (
    "quagga <script>window.evil = 1</script><img src=x onerror='window.evil = 1'>"
    "<img src=https://evil.example/x.png>"
)


@pytest.fixture
def page() -> Iterator[Page]:
    """An empty page of Debian's Chromium, which draws in software."""
    assert CHROMIUM.exists(), "apt-get install chromium"
    arguments = [each for each in ARGUMENTS if each != "--disable-gpu"] + WEBGL
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        browser: Browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=arguments,
            env={"HOME": profile, "PATH": "/usr/bin:/bin"},
        )
        opened = browser.new_page(viewport={"width": 1600, "height": 1000})
        opened.set_default_timeout(TIMEOUT_MS)
        yield opened
        browser.close()


@pytest.fixture(scope="module")
def map_name(shared_server: Server) -> str:
    """The name of a map of texts about three topics, and a hostile one."""
    # Rows have ids by their place, so that the hostile one has the place after the others.
    rows = [*about_topics(90), batch(*[[turn(EVIL)]] * 91).slice(90)]
    build_map(MapStore(shared_server.home / "maps"), "browsed", SOURCE, rows, MapParameters())
    return "browsed"


def test_a_map_shows_points_and_names_and_finds_texts_and_asks_no_other_server(
    page: Page, shared_server: Server, map_name: str
) -> None:
    requested: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.on(
        "response",
        lambda response: problems.append(response.url) if response.status >= 400 else None,
    )
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.add_init_script(WATCH_POLICY)

    page.goto(f"{shared_server.url}/maps/")
    picture = page.locator("li", has_text=map_name).locator("img")
    expect(picture).to_be_visible(timeout=TIMEOUT_MS)
    # One that couldn't be loaded has a place on the page, too, and no colours.
    # It is loaded when it comes into view; this waits, and fails where it can't be.
    picture.evaluate("image => image.decode()")
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [640, 400]
    assert _colours(picture) > 10
    page.get_by_role("link", name=map_name).click()
    expect(page.get_by_text("91 points").last).to_be_visible(timeout=TIMEOUT_MS)
    names = page.evaluate(
        "async () => (await (await fetch('data/metadata.json')).json())"
        ".props.embeddingViewLabels.filter(label => !label.level).map(label => label.content)"
    )
    assert names
    # On the map itself, where the viewer leaves out a name that would cover another. How many it
    # leaves out depends on the places of the points, and these on the processor.
    shown = page.locator('svg text[font-size="14"]')
    expect(shown.first).to_be_visible(timeout=TIMEOUT_MS)
    assert {*shown.all_text_contents()} <= {*names}
    # In the legend, which has all of the broadest level.
    for name in names:
        legend_entry = page.get_by_role("button", name=name)
        expect(legend_entry.first).to_be_visible(timeout=TIMEOUT_MS)
    page.wait_for_load_state("networkidle")
    assert _colours(page.locator("canvas").first) > 100

    _open_search(page)
    page.locator("input[type=search]").fill("quagga")
    found = page.get_by_text("quagga <script>", exact=False)
    expect(found.first).to_be_visible(timeout=TIMEOUT_MS)
    expect(page.get_by_text("1 result.", exact=True)).to_be_visible(timeout=TIMEOUT_MS)
    assert page.evaluate("window.evil") is None
    assert page.evaluate("window.violations") == []

    assert [
        url for url in requested if not url.startswith((shared_server.url, "data:", "blob:"))
    ] == []
    assert [problem for problem in problems if problem not in WITHOUT_WEBGPU] == []


def _colours(shown: Locator) -> int:
    """Return how many colours an element shows that aren't grey."""
    with Image.open(BytesIO(shown.screenshot())) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    coloured = pixels[np.ptp(pixels, axis=1) > 60]
    return len(np.unique(coloured, axis=0))


def _open_search(page: Page) -> None:
    """Press the first button of the bar at the left, which has no name."""
    page.mouse.click(20, 56)
