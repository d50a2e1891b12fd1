"""Measures reading over HTTP, now and at thinned snapshots, beside DuckDB on the same files."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from threading import Event
from time import perf_counter
from uuid import uuid4

import _contributions
import _lake
import _servers
import click
import duckdb
import requests

from app.services import Services
from catalog.reading.plans import plan
from catalog.snapshots import live_snapshots
from catalog.table import append_batch, load_table

_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_COMMITS_A_DAY = 2
_LOOKUPS = 50
_ARROW = "application/vnd.apache.arrow.stream"
_PARQUET = "application/vnd.apache.parquet"
_PIECE_BYTES = 1024 * 1024
_TIMEOUT_S = 600

Action = Callable[[], object]


@dataclass(frozen=True)
class _Facts:
    """What the measurements need to know of the lake.

    Attributes:
        files: Paths of the data files, by day.
        ids: Some contribution_ids.
        appends: Ids of the snapshots that appends made, oldest first.
    """

    files: dict[date, list[str]]
    ids: list[str]
    appends: list[int]


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--days", default=100, show_default=True)
@click.option("--rounds", default=5, show_default=True, help="Comparisons, in turn.")
@click.option("--home", type=click.Path(path_type=Path), help="Where to make the lake and keep it.")
def main(rows: int, days: int, rounds: int, home: Path | None) -> None:
    """Compare, and print medians and ratios."""
    with tempfile.TemporaryDirectory() as scratch:
        home = home or Path(scratch) / "lake"
        # Few snapshots stay live, so that the requested ones are thinned.
        services = _lake.make(home, keep_snapshots=1, keep_hourly_snapshots=0, read_grace_s=60)
        if not list(live_snapshots(load_table(services.catalog))):
            _fill(services, rows, days)
        facts = _facts(services)
        with _servers.chatlake(home, workers=2) as url, _servers.peak_memory() as peak:
            _measure(f"{url}/v1/contributions", facts, rounds, Path(scratch))
        print(f"a worker's peak: {peak.worker / 2**20:.0f} MiB")


def _fill(services: Services, rows: int, days: int) -> None:
    """Append rows of several days, compact each day to about a file, and thin the snapshots."""
    for day in range(days):
        for commit in range(_COMMITS_A_DAY):
            since = _FIRST_DAY + timedelta(days=day, hours=12 * commit)
            contributions = list(_contributions.make(rows // days // _COMMITS_A_DAY, since))
            append_batch(load_table(services.catalog), uuid4(), contributions)
    services.jobs.committer().reconcile()
    maintenance = services.jobs.maintenance()
    compacted = list(maintenance.compaction.compact(Event()))
    print(f"{rows} conversations of {days} days, {len(compacted)} of them compacted")
    print(maintenance.thinning.thin(), flush=True)


def _facts(services: Services) -> _Facts:
    table = load_table(services.catalog)
    files: dict[date, list[str]] = {}
    for file in plan(table, next(live_snapshots(table))):
        files.setdefault(file.day, []).append(file.path.removeprefix("file://"))
    every_file = [path for of_day in files.values() for path in of_day]
    ids = duckdb.read_parquet(every_file).project("contribution_id").fetchall()
    history = services.reading.snapshots.page(limit=1_000_000, before=None)
    return _Facts(
        files,
        [found for (found,) in Random(1).sample(ids, _LOOKUPS)],  # noqa: S311  # any will do
        [snapshot.snapshot_id for snapshot in reversed(history) if snapshot.operation == "append"],
    )


def _measure(url: str, facts: _Facts, rounds: int, scratch: Path) -> None:
    by_id = [partial(_get, f"{url}/{each}") for each in facts.ids]
    _warm_up(by_id)
    times_s = list(map(_timed, by_id))
    print(f"one contribution by its id: median {median(times_s) * 1000:.0f} ms", flush=True)

    days = sorted(facts.files)
    some = days[1 :: max(1, len(days) // rounds)][:rounds]
    now = [partial(_get, f"{url}?day={day}", _ARROW) for day in some]
    directly = [partial(_read_directly, facts.files[day]) for day in some]
    _warm_up(now)
    _compare("one day, in times of DuckDB on its files", now, directly)

    # The snapshot after the first append of a day: half of the rows of the day's file are too new.
    then = [
        partial(_get, f"{url}?day={day}&snapshot_id={_after_first(facts, day)}", _ARROW)
        for day in some
    ]
    _warm_up(then)
    _compare("half a day at a thinned snapshot, in times of the day now", then, now)

    export = partial(_get, url, _PARQUET)
    every_file = [path for day in days for path in facts.files[day]]
    copy = partial(_copy, every_file, scratch / "copy.parquet")
    _compare("all as Parquet, in times of DuckDB's COPY", [export] * rounds, [copy] * rounds)


def _after_first(facts: _Facts, day: date) -> int:
    return facts.appends[(day - _FIRST_DAY.date()).days * _COMMITS_A_DAY]


def _warm_up(actions: Iterable[Action]) -> None:
    """Run each action twice, so that most likely each worker has run it."""
    for _ in range(2):
        for action in actions:
            action()


def _compare(what: str, ours: Sequence[Action], floor: Sequence[Action]) -> None:
    """Run both sides alternately; print their median times, and the median of the ratios."""
    pairs = [
        (_timed(our_action), _timed(its_action))
        for our_action, its_action in zip(ours, floor, strict=True)
    ]
    ours_s, floor_s = (median(times) for times in zip(*pairs, strict=True))
    ratio = median(our_s / its_s for our_s, its_s in pairs)
    print(f"{what}: {ours_s:.3f} s and {floor_s:.3f} s, median {ratio:.2f}", flush=True)


def _timed(action: Action) -> float:
    started = perf_counter()
    action()
    return perf_counter() - started


def _get(url: str, media_type: str = "application/json") -> None:
    """Read an answer to its end, and discard it."""
    with requests.get(
        url, headers={"Accept": media_type}, stream=True, timeout=_TIMEOUT_S
    ) as answer:
        answer.raise_for_status()
        for _ in answer.iter_content(_PIECE_BYTES):
            pass


def _read_directly(paths: list[str]) -> None:
    duckdb.connect().read_parquet(paths).to_arrow_table()


def _copy(paths: list[str], target: Path) -> None:
    duckdb.connect().read_parquet(paths).write_parquet(str(target), compression="zstd")


if __name__ == "__main__":
    main()
