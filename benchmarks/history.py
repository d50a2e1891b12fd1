"""Measures how long a commit takes as the history grows, with maintenance beside it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import perf_counter

import _contributions
import _lake
import click

from app.background.maintenance.results import MaintenanceResult
from app.ingest.commits.committer import Committer
from app.services import Services
from catalog.errors import CommitConflict
from catalog.manifests.entries import newest_entries
from catalog.table import load_table

_WINDOW = 100
_REPORT_EVERY = 500


@click.command()
@click.option("--commits", default=10_000, show_default=True, help="How many, of one day.")
@click.option("--rows", default=10, show_default=True, help="Contributions in each.")
@click.option("--interval", default=10.0, show_default=True, help="Seconds between maintenance.")
@click.option(
    "--read-grace",
    default=360.0,
    show_default=True,
    help="Seconds for which readers may need what a compaction replaced: at five commits a second "
    "as many commits as there are in an hour of one every two seconds.",
)
@click.option("--maintenance/--no-maintenance", default=True, show_default=True)
def main(commits: int, rows: int, interval: float, read_grace: float, maintenance: bool) -> None:
    """Commit repeatedly, and print medians and their ratio."""
    with tempfile.TemporaryDirectory() as home:
        services = _lake.make(Path(home), maintenance_interval_s=interval, read_grace_s=read_grace)
        with _maintained(services) if maintenance else _alone():
            times_ms = list(_commit(services, commits, rows))
        early, late = median(times_ms[_WINDOW : 2 * _WINDOW]), median(times_ms[-_WINDOW:])
        print(f"commits {_WINDOW} to {2 * _WINDOW}: median {early:.0f} ms")
        print(f"the last {_WINDOW} of {commits}: median {late:.0f} ms, {late / early:.2f} times it")


def _commit(services: Services, commits: int, rows: int) -> Iterator[float]:
    """Journal and commit some contributions repeatedly; yield the time of each commit in ms."""
    committer = services.jobs.committer()
    window: list[float] = []
    for number in range(1, commits + 1):
        for contribution in _contributions.make(rows):
            services.ingest.journal.append(contribution)
        started = perf_counter()
        _drain(committer)
        window.append((perf_counter() - started) * 1000)
        yield window[-1]
        if number % _REPORT_EVERY == 0:
            _report(services, number, window)
            window.clear()


def _drain(committer: Committer) -> None:
    """Commit what is pending, and again when a compaction came first, as the committer does."""
    while True:
        try:
            committer.drain()
        except CommitConflict:
            print("  lost the race to maintenance", flush=True)
        else:
            return


def _report(services: Services, number: int, window: list[float]) -> None:
    table = load_table(services.catalog)
    newest = table.current_snapshot()
    manifests = newest.manifests(table.io) if newest else []
    print(
        f"{number} commits: median {median(window):.0f} ms, longest {max(window):.0f} ms, "
        f"{len(table.metadata.snapshots)} live snapshots, {len(manifests)} manifests of "
        f"{sum(manifest.manifest_length for manifest in manifests)} bytes, "
        f"{len(newest_entries(table))} data files",
        flush=True,
    )


@contextmanager
def _maintained(services: Services) -> Iterator[None]:
    stop = Event()
    thread = Thread(target=services.jobs.maintenance().run, args=(stop, _show))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _alone() -> Iterator[None]:
    yield


def _show(result: MaintenanceResult) -> None:
    print(f"  {result}", flush=True)


if __name__ == "__main__":
    main()
