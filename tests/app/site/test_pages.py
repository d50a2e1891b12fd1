"""Every page of the site in a browser: accessible, in its screen, and with nothing from elsewhere.

The suite takes each kind of page in one form, and `--every-form` all pages in all forms.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle, product
from typing import Final, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.app.site.pages import PAGES, Lake, Site, SitePage, opened_site, settings_of
from tests.browsers import EVERY_FORM, TIMEOUT_MS, Form, start_browser, watch
from tests.lakes import LakeTemplate, opened_app

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE: Final = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
"""The rule on the size of targets is one of WCAG 2.2, which axe-core doesn't check by itself."""
OPEN_IN_PLACE: Final = """
address => htmx.ajax("GET", address, {target: "#main", select: "#main", swap: "outerHTML"})
"""
WIDER_BY: Final = "document.documentElement.scrollWidth - innerWidth"
HAS_LOADED: Final = "() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')"


class Tab(NamedTuple):
    """A page of the browser, and what has gone wrong in it."""

    page: Page
    problems: list[str]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take each page in one form, or in every form."""
    if "form" not in metafunc.fixturenames:
        return
    if metafunc.config.getoption("--every-form"):
        cases = list(product(PAGES, EVERY_FORM))
    else:
        few = [shown for shown in PAGES if not shown.is_like_another]
        cases = list(zip(few, cycle(EVERY_FORM), strict=False))
    metafunc.parametrize(("shown", "form"), cases, ids=[f"{each} {form}" for each, form in cases])


@pytest.fixture(scope="module")
def sites(
    tmp_path_factory: pytest.TempPathFactory, lake_template: LakeTemplate
) -> Iterator[dict[Lake, Site]]:
    """The lakes that have the pages."""
    with ExitStack() as stack:
        made: dict[Lake, Site] = {}
        for lake in ("filled", "empty", "closed"):
            copied = lake_template.copy(tmp_path_factory.mktemp(lake) / "home")
            app = stack.enter_context(opened_app(settings_of(copied, lake)))
            made[lake] = stack.enter_context(opened_site(app, lake))
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with start_browser() as started:
        yield started


@pytest.fixture
def site(sites: dict[Lake, Site], shown: SitePage) -> Site:
    """The lake of the page."""
    return sites[shown.lake]


@pytest.fixture(scope="module")
def tabs(browser: Browser, sites: dict[Lake, Site]) -> dict[Form, Tab]:
    """A tab in each form, in which one page after the other is opened: a new one takes longer."""
    urls = tuple(site.url for site in sites.values())
    made: dict[Form, Tab] = {}
    for form in EVERY_FORM:
        page = browser.new_page(viewport=form.size, color_scheme=form.scheme)
        page.set_default_timeout(TIMEOUT_MS)
        made[form] = Tab(page, watch(page, urls))
    return made


def test_a_page_is_accessible_and_fits(
    tabs: dict[Form, Tab], site: Site, shown: SitePage, form: Form
) -> None:
    page, problems = tabs[form]
    problems.clear()
    open_page(page, site, shown)
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
    expect(page.locator("h1")).to_have_count(1)
    found = Axe().run(page, options=AXE)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate(WIDER_BY) <= 0, "the page is wider than the screen"
    # The browser itself says so of each answer with the status of an error.
    assert [problem for problem in problems if f"status of {shown.status}" not in problem] == []
    assert page.evaluate("window.violations") == []


def test_a_page_is_read_without_scripts(
    browser: Browser, site: Site, shown: SitePage, form: Form, request: pytest.FixtureRequest
) -> None:
    if shown.needs_key:
        pytest.skip("a browser sends a key by a script only")
    if not request.config.getoption("--every-form"):
        pytest.skip("walks without scripts are in tests/functional")
    page = browser.new_page(viewport=form.size, color_scheme=form.scheme, java_script_enabled=False)
    page.set_default_timeout(TIMEOUT_MS)
    answer = page.goto(site.url + address_of(site, shown))
    assert answer is not None
    assert answer.status == shown.status
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate(WIDER_BY) <= 0, "the page is wider than the screen"
    page.close()


def address_of(site: Site, shown: SitePage) -> str:
    return shown.address.format(**site.names)


def open_page(page: Page, site: Site, shown: SitePage) -> None:
    """Open a page as its reader does, and wait until all of it is there."""
    address = address_of(site, shown)
    asks_itself = shown.status == 401 or shown.address == "/me"
    answer = page.goto(site.url + (address if asks_itself or not shown.needs_key else "/me"))
    assert answer is not None
    assert answer.status == shown.status
    if shown.needs_key:
        page.locator("[data-key-form] input").fill(site.keys[shown.reader])
        page.get_by_role("button", name="Use it").click()
        expect(page.locator(".key-in-use")).to_be_visible()
        page.wait_for_function(HAS_LOADED)
        if not asks_itself:
            page.evaluate(OPEN_IN_PLACE, address)
    page.wait_for_function(HAS_LOADED)
