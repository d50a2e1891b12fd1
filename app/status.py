"""What the lake holds and what waits to be committed, for its operator.

Each part is read on its own, so that what can be read is shown while another part is lost.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.filesize import decimal
from sqlalchemy import make_url

from app.background.election import COMMITTER_LOCK, is_led
from app.ingest.journal.depth import read_depth
from app.services import Services
from app.state import ledger
from catalog.reading.size import size_of
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from catalog.wording import counted


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is known of the lake.

    Attributes:
        name: What it is.
        text: What is known, to be read by a person.
        used: How much of a limit is used; None without a limit.
        limit: That limit, in the same unit; None without one.
    """

    name: str
    text: str
    used: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the status.

    Attributes:
        name: Name of the part.
        facts: What is known; empty when the part can't be read.
        error: Why it can't be read; None when it was.
    """

    name: str
    facts: Sequence[Fact]
    error: Exception | None = None


def read_status(services: Services, expected: tuple[type[Exception], ...]) -> Iterator[Part]:
    """Yield the parts of the status.

    Args:
        services: The services of the lake.
        expected: The errors that are told, and keep no other part from being read.
    """
    for name, read in _PARTS.items():
        try:
            part = Part(name, list(read(services)))
        except expected as error:
            part = Part(name, (), error)
        yield part


def _places(services: Services) -> Iterator[Fact]:
    settings = services.settings
    yield Fact("home", str(settings.home))
    yield Fact("database", _without_secrets(settings.database_url))
    yield Fact("catalog", _without_secrets(settings.catalog_uri))
    yield Fact("warehouse", settings.warehouse)


def _journal(services: Services) -> Iterator[Fact]:
    depth = read_depth(services.ingest.journal, services.database)
    waiting = counted(depth.backlog.contributions, "contribution")
    used = depth.backlog.payload_bytes
    if depth.oldest_at:
        waiting += f", {decimal(used)}, the oldest for {_since(depth.oldest_at)}"
    committing = "nothing"
    if depth.claim:
        committing = f"batch {depth.claim.batch_id} for {_since(depth.claim.claimed_at)}"
    yield Fact("waiting", waiting, used, services.settings.max_journal_bytes)
    yield Fact("committing", committing)


def _committer(services: Services) -> Iterator[Fact]:
    runs = is_led(services.database.lock(COMMITTER_LOCK))
    yield Fact("committer", "runs" if runs else "doesn't run")


def _last_commit(services: Services) -> Iterator[Fact]:
    with services.database.read() as connection:
        snapshot = ledger.newest(connection)
    if snapshot is None:
        yield Fact("last commit", "none yet")
        return
    yield Fact(
        "last commit",
        f"{_since(snapshot.committed_at)} ago, {counted(snapshot.added_rows, 'row')}, "
        f"at {snapshot.committed_at.isoformat(timespec='seconds')}",
    )
    yield Fact("snapshot", str(snapshot.snapshot_id))


def _table(services: Services) -> Iterator[Fact]:
    size = size_of(load_table(services.catalog))
    yield Fact("contributions", f"{size.rows:,}, all versions")
    yield Fact("data files", f"{size.data_files:,}, {decimal(size.data_bytes)}")
    yield Fact("live snapshots", f"{size.live_snapshots:,}")


def _stages(services: Services) -> Iterator[Fact]:
    for stage, tables in COMPUTED_STAGES.items():
        size = size_of(load_table(services.catalog, tables.rows))
        if size.live_snapshots:
            yield Fact(
                stage,
                f"{size.rows:,}, {decimal(size.data_bytes)}, "
                f"{counted(size.live_snapshots, 'live snapshot')}",
            )


def _releases(services: Services) -> Iterator[Fact]:
    yield Fact("releases", f"{len(services.publishing.releases.all()):,}")


_PARTS: Final[Mapping[str, Callable[[Services], Iterator[Fact]]]] = {
    "places": _places,
    "journal": _journal,
    "committer": _committer,
    "ledger": _last_commit,
    "table": _table,
    "stages": _stages,
    "releases": _releases,
}


def _since(moment: datetime) -> timedelta:
    return timedelta(seconds=max(0, round((datetime.now(UTC) - moment).total_seconds())))


def _without_secrets(url: str) -> str:
    # Drivers also accept a password in the query.
    return make_url(url).set(query={}).render_as_string(hide_password=True)
