"""Measures what depends on who replaced whom: pages after a start and a commit, and differences.

Each line is JSON: the measure, its processor time and wall time in ms, and the memory of the
process afterwards.
"""

import json
import os
import tempfile
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time

import _columns
import _lake
import click

from app.ingest.decoding.contributions import new_contribution_id
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services
from catalog.records import Contribution, Turn, time_of
from catalog.snapshots import Snapshot, live_snapshots
from catalog.table import load_table

_PAGE_ROWS = 100


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--days", default=120, show_default=True)
@click.option("--home", type=click.Path(path_type=Path), help="Where to make the lake and keep it.")
def main(rows: int, days: int, home: Path | None) -> None:
    """Make a lake, read it in a process of its own, and print one line for each measure."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = home or Path(scratch) / "lake"
        process = get_context("spawn").Process(target=_fill, args=(folder, rows, days))
        process.start()
        process.join()
        process = get_context("spawn").Process(target=_read, args=(folder, rows))
        process.start()
        process.join()


def _fill(home: Path, rows: int, days: int) -> None:
    services = _lake.make(home)
    if not list(live_snapshots(load_table(services.catalog))):
        _columns.fill(services.catalog, rows, days)
        _measured("recording all versions", rows, lambda: services.jobs.committer().reconcile())


def _read(home: Path, rows: int) -> None:
    services = _lake.make(home)
    services.catalog.load_table("chatlake.contributions")
    _measured("first page after a start", rows, lambda: _page(services))
    _measured("the same again", rows, lambda: _page(services))
    _measured("a count of the lake", rows, lambda: _count(services))
    committer = services.jobs.committer()
    for replaces in (False, True):
        for _ in range(3):
            services.ingest.journal.append(_contribution(replaces=replaces))
            name = "a commit that replaces a row" if replaces else "a commit that replaces nothing"
            _measured(name, rows, committer.drain)
            _measured("newest page after it", rows, lambda: _page(services))
    newest, before, *_ = services.reading.snapshots.page(10, None)
    oldest = services.reading.snapshots.page(1_000, None)[-1]
    for name, older in (("neighbours", before), ("first and last", oldest)):
        _measured(f"difference of {name}", rows, partial(_diff, services, older, newest))


def _page(services: Services) -> None:
    view = services.reading.snapshots.view(Reference())
    page = services.reading.contributions.page(view, Filters(), _PAGE_ROWS, None, newest_first=True)
    _check(page.rows.num_rows == _PAGE_ROWS)


def _count(services: Services) -> None:
    _check(
        services.reading.contributions.count(
            services.reading.snapshots.view(Reference()), Filters()
        )
        > 0
    )


def _check(is_right: bool) -> None:
    if not is_right:
        raise SystemExit("the lake hasn't got the rows that it should have")


def _diff(services: Services, before: Snapshot, after: Snapshot) -> None:
    older, newer = (Reference(snapshot_id=each.snapshot_id) for each in (before, after))
    list(services.reading.diffs.between(older, newer, _PAGE_ROWS).rows)


def _contribution(*, replaces: bool) -> Contribution:
    contribution_id = new_contribution_id()
    return Contribution(
        contribution_id=contribution_id,
        conversation_id="chat-0-0" if replaces else os.urandom(16).hex(),
        received_at=time_of(contribution_id),
        agent_id="bench",
        conversation=(Turn(os.urandom(8).hex()),),
        content_hash=os.urandom(32).hex(),
    )


def _measured(name: str, rows: int, measure: Callable[[], object]) -> None:
    started, cpu = perf_counter(), process_time()
    measure()
    line = {
        "measure": name,
        "rows": rows,
        "cpu_ms": round(1000 * (process_time() - cpu), 1),
        "ms": round(1000 * (perf_counter() - started), 1),
        "rss_mib": _resident_mib(),
    }
    print(json.dumps(line), flush=True)


def _resident_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


if __name__ == "__main__":
    main()
