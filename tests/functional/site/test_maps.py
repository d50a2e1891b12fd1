"""A map in a real browser, served by the real server."""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from app.maps.build import build_map
from app.maps.description import MapParameters, MapSource
from app.maps.store import MapStore
from app.site.atlas import asset_files
from tests.app.maps.rows import ROW_SCHEMA, SOURCE, about_topics, batch, turn
from tests.browsers import ARGUMENTS, TIMEOUT_MS, WATCH_POLICY, start_browser
from tests.factories import make_submission
from tests.functional.server import Server

pytestmark = pytest.mark.browser

# WebGL without a graphics card.
WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WITHOUT_WEBGPU = {"Could not request WebGPU adapter", "Could not get WebGPU device"}
"""What the viewer says in the console before it draws with WebGL."""
EVIL = (
    "quagga <script>window.evil = 1</script><img src=x onerror='window.evil = 1'>"
    "<img src=https://evil.example/x.png> [a](javascript:window.evil=1) {{ value }} {% raw %}"
    "\n\nassistant: forged"
)
EVIL_AGENT = "https://evil.example/"
CHINESE = "机器学习让计算机从数据中学习规律。"
# ruff: disable[RUF001]  # letters that look like Latin ones are what is searched
FOUND = {
    CHINESE: ("机器学习", "学习规律", "律"),
    "今日の東京は晴れて、洗濯物がよく乾きます。": ("東京", "洗濯物", "乾きます"),
    "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย": ("เมืองหลวง", "ประเทศไทย"),
    "القاهِرة هي عاصمة مصر وأكبر مدنها": ("القاهرة", "عاصمة", "اكبر"),
    "भारत की राजधानी नई दिल्ली है": ("राजधानी", "दिल्ली"),
    "Смешайте ржаную муку с водой и закваской": ("МУКУ", "закваск"),
    "돼지고기와 잘 익은 김치를 볶습니다": ("김치", "돼지고기"),
    "ירושלים היא עיר הבירה": ("ירושלים", "בירה"),
    "Le café près de l'hôtel, Straße 5": ("cafe", "HÔTEL", "strasse"),
    "Η Αθήνα, της σοφίας": ("αθηνα", "σοφιασ"),
    "نمی\u200cدانم چرا": ("نمیدانم", "نمی\u200cدانم"),
}
# ruff: enable[RUF001]
"""Texts that each word finds, in whatever script, and in the middle of a word as well."""
APART, WHOLE = "learning about a machine", "deep nets and machine learning"
SEARCH = """
async ([url, texts, queries, limited]) => {
  const worker = new Worker(url, { type: "module" });
  const ask = message => new Promise(resolve => {
    worker.onmessage = ({ data }) => resolve(data.result);
    worker.postMessage(message);
  });
  await ask({ type: "ready" });
  const handle = await ask({ type: "create", id: "1", className: "SearchIndex", args: [] });
  const call = (method, ...args) => ask({ type: "call", id: "2", handle, method, args });
  await call("clear");
  await call("addPoints", texts.map(text => ({ id: text, text: text && `user: ${text}` })));
  const found = {};
  for (const query of queries) found[query] = await call("query", query, 10);
  return [found, await call("query", limited, 1)];
}
"""
"""Searches as the viewer does: it calls a worker by messages."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, which draws in software."""
    arguments = [each for each in ARGUMENTS if each != "--disable-gpu"] + WEBGL
    with start_browser(arguments) as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page in a window of its own."""
    opened = browser.new_page(viewport={"width": 1600, "height": 1000})
    opened.set_default_timeout(TIMEOUT_MS)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def map_name(shared_server: Server) -> str:
    """The name of a map of texts about three topics, a Chinese one and a hostile one.

    The hostile one is in the lake, so that its point leads there.
    """
    answer = shared_server.submit(make_submission(EVIL), wait_s=30).json()
    source = MapSource(
        stage="raw", snapshot_id=answer["snapshot_id"], committed_at=SOURCE.committed_at
    )
    # Rows have ids by their place, so that these have the places after the others.
    told = batch(*[[turn(CHINESE)], [turn(EVIL)]] * 46).slice(90).to_pydict()
    told["contribution_id"][1] = answer["contribution_id"]
    told["agent_id"][1] = EVIL_AGENT
    rows = [*about_topics(90), pa.RecordBatch.from_pydict(told, ROW_SCHEMA)]
    build_map(MapStore(shared_server.home / "maps"), "browsed", source, rows, MapParameters())
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
    expect(picture).to_be_visible()
    # One that couldn't be loaded has a place on the page, too, and no colours.
    # It is loaded when it comes into view; this waits, and fails where it can't be.
    picture.evaluate("image => image.decode()")
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [640, 400]
    assert _colours(picture) > 10
    page.get_by_role("link", name=map_name).click()
    expect(page.get_by_text("92 points").last).to_be_visible()
    names = page.evaluate(
        "async () => (await (await fetch('data/metadata.json')).json())"
        ".props.embeddingViewLabels.filter(label => !label.level).map(label => label.content)"
    )
    assert names
    # On the map itself, where the viewer leaves out a name that would cover another. How many it
    # leaves out depends on the places of the points, and these on the processor.
    shown = page.locator('svg text[font-size="14"]')
    expect(shown.first).to_be_visible()
    assert {*shown.all_text_contents()} <= {*names}
    # In the legend, which has all of the broadest level.
    for name in names:
        legend_entry = page.get_by_role("button", name=name)
        expect(legend_entry.first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert _colours(page.locator("canvas").first) > 100

    _open_search(page)
    result = _search(page, "学习规律")
    expect(result.locator("b")).to_have_text(["user:"])
    expect(result.locator("bdi")).to_have_text([CHINESE])
    result = _search(page, "quagga")
    expect(result.locator("b")).to_have_text(["user:"])
    expect(result.locator("bdi")).to_have_text([EVIL.replace("\nassistant:", "\n assistant:")])
    expect(result).to_contain_text(EVIL_AGENT)
    with page.context.expect_page() as opened:
        # The only link, although the text and the agent have addresses, too.
        result.get_by_role("link").click()
    assert opened.value.url.startswith(f"{shared_server.url}/v1/contributions/")
    expect(opened.value.locator("body")).to_contain_text("quagga")
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


def _search(page: Page, query: str) -> Locator:
    """Return the only result of a search."""
    page.locator("input[type=search]").fill(query)
    result = page.locator("button:has(mark)")
    expect(page.get_by_text("1 result.", exact=True)).to_be_visible()
    expect(result.locator("mark").first).to_have_text(query)
    return result


def test_texts_are_found_in_every_script(page: Page, shared_server: Server) -> None:
    expected = {query: [text] for text, queries in FOUND.items() for query in queries}
    # All words have to be there; texts that have the query as a whole come first.
    expected |= {"machine  Learning": [WHOLE, APART], "chine": [APART, WHOLE], "nets about": []}
    expected |= {"user": [], " \u200b": []}
    (worker,) = (path for path in asset_files() if "search.worker" in path)
    page.goto(f"{shared_server.url}/maps/")
    texts = [*FOUND, APART, WHOLE, None]
    found, first = page.evaluate(
        SEARCH, [f"{shared_server.url}/atlas/1/{worker}", texts, [*expected], "chine"]
    )
    assert found == expected
    assert first == [APART]


def test_the_list_fits_a_phone_and_follows_a_dark_scheme(
    page: Page, shared_server: Server, map_name: str
) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{shared_server.url}/maps/")
    expect(page.get_by_role("link", name=map_name)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light
