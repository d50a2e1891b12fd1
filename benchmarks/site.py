"""Measures the pages of the site on a lake of a given size: the time and the weight of each."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from os import getloadavg, getpid
from pathlib import Path
from statistics import median, quantiles
from threading import Event
from time import perf_counter
from typing import Final

import _columns
import _lake
import _memory
import _servers
import _takedown_lake
import click
import requests
from playwright.sync_api import Browser

from app.maps.description import MapParameters
from app.releases.recipe import Recipe
from app.services import Services
from app.state import ledger_changes
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.schema import ID
from catalog.snapshots import live_snapshots
from catalog.stages.reader import StageReader
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.browsers import start_browser

_RELEASE: Final = "benchmark"
_RELEASED_ROWS: Final = 100_000
_TIMEOUT_S: Final = 60
_TWENTIETHS: Final = 20
_UNINDEXED: Final = {
    "/explore, a rare word, not indexed": "/explore?q=zyzzyva",
    "/explore, cleaned, a rare word, not indexed": "/explore?stage=cleaned&q=zyzzyva",
}
"""Pages of a server that has no index of texts."""

Paths = Iterator[str]
"""Addresses of a page, each another one if the page has many."""


@dataclass(frozen=True)
class _Result:
    """What a page takes.

    Attributes:
        page: Name of the page.
        cold_ms: Time of the first request, in milliseconds.
        ms: Median time of those after it.
        cpu_ms: Processor time of the server for each of them, which other programs prolong little.
        p95_ms: Time within which 95 of 100 of them were answered.
        weight_kb: What a browser without a cache loads for the page: thousands of bytes.
        rows: Conversations of the lake.
        load: Load of the machine over the last minute, this server included.
    """

    page: str
    cold_ms: float
    ms: float
    cpu_ms: float
    p95_ms: float
    weight_kb: float
    rows: int
    load: float


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Conversations of the lake.")
@click.option("--days", default=120, show_default=True, help="Days over which they are spread.")
@click.option("--asked", default=60, show_default=True, help="Requests for each page.")
@click.option("--home", type=click.Path(path_type=Path), help="Where to make the lake and keep it.")
@click.argument("pages", nargs=-1)
def main(rows: int, days: int, asked: int, home: Path | None, pages: tuple[str, ...]) -> None:
    """Make a lake, or take the one that is in the folder, and print a JSON line for each page.

    PAGES are names of pages; all by default.
    """
    with tempfile.TemporaryDirectory() as scratch:
        lake = home or Path(scratch) / "lake"
        indexed = _prepare(lake, rows, days)
        unindexed = {name: partial(_same, path) for name, path in _UNINDEXED.items()}
        known = {**indexed, **unindexed}
        if unknown := set(pages) - set(known):
            raise click.UsageError(f"unknown: {sorted(unknown)}; known: {', '.join(known)}")
        wanted = set(pages or known)
        for served, settings in ((indexed, {}), (unindexed, {"text_index_share": 0})):
            if not wanted & set(served):
                continue
            with (
                _servers.chatlake(lake, workers=1, settings=settings) as url,
                start_browser() as browser,
            ):
                for name, paths in served.items():
                    if name in wanted:
                        result = _measure(browser, url, name, paths, asked, rows)
                        print(json.dumps(asdict(result)), flush=True)


def _prepare(home: Path, rows: int, days: int) -> Mapping[str, Callable[[], Paths]]:
    """Return the pages of a lake, with a release, its map, and stages, which are made if missing.

    All texts are indexed, and all files are counted.
    """
    services = _lake.make(home)
    if load_table(services.catalog).current_snapshot() is None:
        for snapshot in _columns.fill(services.catalog, rows, days):
            with services.database.write() as connection:
                ledger_changes.record(connection, [snapshot])
        services.jobs.committer().reconcile()
    if not services.publishing.releases.all():
        _publish(services)
    if load_table(services.catalog, COMPUTED_STAGES["curated"].rows).current_snapshot() is None:
        _takedown_lake.copy_to_stages(services)
    services.reading.summary_job().step()
    for _ in services.reading.text_indexing().step(Event()):
        pass
    pages = _pages(services)
    services.close()
    return pages


def _publish(services: Services) -> None:
    history = services.reading.snapshots.page(limit=1_000_000, before=None)
    released = next(each for each in reversed(history) if each.total_rows >= _RELEASED_ROWS)
    services.publishing.releases.build(
        Recipe(name=_RELEASE, stage="raw", licence="CC0-1.0"), released
    )
    services.publishing.maps.build_of_release(_RELEASE, _RELEASE, MapParameters())


def _pages(services: Services) -> Mapping[str, Callable[[], Paths]]:
    table = load_table(services.catalog)
    files = plan(table, next(live_snapshots(table)))
    ids = [
        str(found)
        for file in files[:: max(1, len(files) // _TWENTIETHS)]
        for found in islice(next(iter(read(table, [file], (ID,))))[ID].to_pylist(), 10)
    ]
    contributors = [
        str(each)
        for each in next(iter(read(table, files[-1:], ("contributor_id",))))["contributor_id"]
        .slice(0, 10)
        .to_pylist()
    ]
    kept = [str(each) for each in _first_kept(services)]
    days = sorted({str(file.day) for file in files})
    snapshots = services.reading.snapshots.page(limit=1_000, before=None)
    newest, oldest = snapshots[0], snapshots[-1]
    release = services.publishing.releases.all()[0].name
    return {
        "/": lambda: _same("/"),
        "/explore": lambda: _same("/explore"),
        "/explore, a day": lambda: _each("/explore?day={}", days),
        "/explore, a source": lambda: _each("/explore?source={}", ["source-1", "none"]),
        "/explore, a model that no row has": lambda: _same("/explore?model=none"),
        "/explore, a contributor": lambda: _each("/explore?contributor_id={}", contributors),
        "/explore, a rare word": lambda: _same("/explore?q=zyzzyva"),
        "/explore, in the past": lambda: _each(
            "/explore?snapshot_id={}", [str(each.snapshot_id) for each in snapshots]
        ),
        "/explore/facets, a source": lambda: _each("/explore/facets?source={}", ["source-1"]),
        "/explore, cleaned": lambda: _same("/explore?stage=cleaned"),
        "/explore, cleaned, a day": lambda: _each("/explore?stage=cleaned&day={}", days),
        "/explore, cleaned, a source": lambda: _each(
            "/explore?stage=cleaned&source={}", ["source-1", "source-2", "none"]
        ),
        "/explore, cleaned, a language": lambda: _each(
            "/explore?stage=cleaned&language={}", ["de", "en", "fr"]
        ),
        "/explore, cleaned, a contributor": lambda: _each(
            "/explore?stage=cleaned&contributor_id={}", contributors
        ),
        "/explore, cleaned, a rare word": lambda: _same("/explore?stage=cleaned&q=zyzzyva"),
        "/explore/facets, cleaned, a source": lambda: _same(
            "/explore/facets?stage=cleaned&source=source-1"
        ),
        "/conversations/ID": lambda: _each("/conversations/{}", ids),
        "/conversations/ID, cleaned": lambda: _each("/conversations/{}?stage=cleaned", kept),
        "/releases": lambda: _same("/releases"),
        "/releases/NAME": lambda: _same(f"/releases/{release}"),
        "/snapshots": lambda: _same("/snapshots"),
        "/snapshots/ID": lambda: _each(
            "/snapshots/{}", [str(each.snapshot_id) for each in (newest, oldest)]
        ),
        "/contributors": lambda: _same("/contributors"),
        "/sql": lambda: _same("/sql"),
        "/me": lambda: _same("/me"),
        "/maps/": lambda: _same("/maps/"),
    }


def _first_kept(services: Services) -> list[str]:
    """Return the first ids of some files of `cleaned`."""
    table = load_table(services.catalog, COMPUTED_STAGES["cleaned"].rows)
    newest = table.current_snapshot()
    if newest is None:
        raise LookupError("cleaned is empty")
    reader = StageReader(table, newest.snapshot_id)
    files = reader.files()
    some = files[:: max(1, len(files) // _TWENTIETHS)]
    return [next(iter(reader.select([file], (ID,))))[ID][0].as_py() for file in some]


def _same(path: str) -> Paths:
    while True:
        yield path


def _each(pattern: str, values: list[str]) -> Paths:
    while True:
        for value in values:
            yield pattern.format(value)


def _measure(
    browser: Browser, url: str, name: str, paths: Callable[[], Paths], asked: int, rows: int
) -> _Result:
    session = requests.Session()
    asking = paths()
    cold = _time(session, url + next(asking))
    before_s = _memory.tree_cpu_s(getpid())
    warm = [_time(session, url + next(asking)) for _ in range(asked - 1)]
    cpu_s = _memory.tree_cpu_s(getpid()) - before_s
    return _Result(
        page=name,
        cold_ms=round(cold, 1),
        ms=round(median(warm), 1),
        cpu_ms=round(cpu_s * 1000 / len(warm), 1),
        p95_ms=round(quantiles(warm, n=_TWENTIETHS)[-1], 1),
        weight_kb=round(_weight(browser, url + next(paths())) / 1000, 1),
        rows=rows,
        load=round(getloadavg()[0], 1),
    )


def _time(session: requests.Session, address: str) -> float:
    """Return how long a page takes, in milliseconds."""
    started = perf_counter()
    answer = session.get(address, timeout=_TIMEOUT_S)
    answer.raise_for_status()
    return (perf_counter() - started) * 1000


def _weight(browser: Browser, address: str) -> int:
    """Return how many bytes a browser receives for a page, until nothing more is loaded."""
    context = browser.new_context()
    page = context.new_page()
    received: list[int] = []
    watching = context.new_cdp_session(page)
    watching.on(
        "Network.loadingFinished", lambda event: received.append(int(event["encodedDataLength"]))
    )
    watching.send("Network.enable")
    page.goto(address, wait_until="networkidle")
    context.close()
    return sum(received)


if __name__ == "__main__":
    main()
