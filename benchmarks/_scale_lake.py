"""The lake of `scale`: what it is filled with, and what measures have to know of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Final

import _columns
import _contributions
import _lake
import click
from msgspec.structs import replace

from app.services import Services
from app.state import ledger_changes
from catalog.columns.arrow import to_arrow
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.schema import ID
from catalog.snapshots import Snapshot, live_snapshots
from catalog.table import load_table

_RECENT_COMMITS: Final = 5
_ROWS_OF_RECENT_COMMIT: Final = 1_000
RARE_WORD: Final = "zyzzyva"
RARE_PHRASE: Final = f"a {RARE_WORD} is a weevil"
_RARE_EVERY_DAYS: Final = 12
RARE_MODEL: Final = "model-of-few"
_LOOKUPS: Final = 20
_CONTRIBUTOR: Final = "contributor_id"
_HASH: Final = "content_hash"


@dataclass(frozen=True)
class Facts:
    """What measures have to know of the lake.

    Attributes:
        ids: Some contribution_ids.
        contributor_ids: Some contributors.
        hashes: Some content hashes.
        day: A day in the middle.
        history: Every snapshot, oldest first.
    """

    ids: list[str]
    contributor_ids: list[str]
    hashes: list[str]
    day: str
    history: list[Snapshot]


def prepare(home: Path, rows: int, days: int) -> Facts:
    """Make a lake, or take the one that is in a folder, and return what is known of it.

    Args:
        home: The folder of the lake.
        rows: Number of conversations of a new lake.
        days: Number of days over which they are spread.
    """
    services = _lake.make(home)
    table = load_table(services.catalog)
    if table.current_snapshot() is None:
        started = perf_counter()
        _fill(services, rows, days)
        click.echo(f"made in {perf_counter() - started:.0f} s", err=True)
        table = load_table(services.catalog)
    _derive(services)
    files = plan(table, next(live_snapshots(table)))
    middle = files[len(files) // 2]
    found = (
        next(iter(read(table, [middle], (ID, _CONTRIBUTOR, _HASH)))).slice(0, _LOOKUPS).to_pydict()
    )
    history = services.reading.snapshots.page(limit=1_000_000, before=None)
    services.close()
    ids, contributors, hashes = (found[name] for name in (ID, _CONTRIBUTOR, _HASH))
    return Facts(ids, contributors, hashes, str(middle.day), history[::-1])


def _fill(services: Services, rows: int, days: int) -> None:
    """Fill a lake: most rows in large commits, a rare word on some days, and small new commits."""
    for number, snapshot in enumerate(_snapshots(services, rows, days)):
        with services.database.write() as connection:
            ledger_changes.record(connection, [snapshot])
        if number % (_columns.COMMITS_A_DAY * 10) == 0:
            services.jobs.maintenance().thinning.thin()
    services.jobs.committer().reconcile()


def _derive(services: Services) -> None:
    """Count and index what a committer would have by now: a server here lives for seconds."""
    started = perf_counter()
    done = services.reading.summary_job().step()
    done += len(list(services.reading.text_indexing().step(Event())))
    if done:
        click.echo(f"counted and indexed in {perf_counter() - started:.0f} s", err=True)


def _snapshots(services: Services, rows: int, days: int) -> Iterator[Snapshot]:
    yield from _columns.fill(services.catalog, rows, days)
    for day in range(0, days, _RARE_EVERY_DAYS):
        moment = _columns.FIRST_DAY + timedelta(days=day, hours=12)
        texts = ["What is it?", f"To those who play with words, {RARE_PHRASE}."]
        made = _contributions.of_texts(texts, moment)
        turns = tuple(replace(turn, model=RARE_MODEL) for turn in made.conversation)
        rare = to_arrow([replace(made, conversation=turns)])
        yield _columns.append(services.catalog, rare)
    contributors = rows // _columns.ROWS_A_CONTRIBUTOR
    for number in range(_RECENT_COMMITS):
        since = _columns.FIRST_DAY + timedelta(days=days, hours=6 * number / _RECENT_COMMITS)
        made = _columns.contributions(rows, _ROWS_OF_RECENT_COMMIT, since, contributors)
        yield _columns.append(services.catalog, made)
