"""`status`: what the lake holds and what waits to be committed, for people to read."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import click
from flask.cli import with_appcontext
from rich.filesize import decimal
from sqlalchemy import make_url

from app.background.election import COMMITTER_LOCK, is_led
from app.cli.errors import EXPECTED, reason_for
from app.ingest.depth import read_depth
from app.services import Services, current_services
from app.state import ledger
from catalog.size import size_of
from catalog.stages import COMPUTED_STAGES
from catalog.table import load_table

Lines = Mapping[str, str]
"""Values to show, by title."""


@click.command()
@with_appcontext
def status() -> None:
    """Show what the lake holds and what waits to be committed.

    Each part is read on its own. The exit code is 1 when a part can't be read.
    """
    services = current_services()
    unreadable = []
    for part, read in _PARTS.items():
        try:
            lines = read(services)
        except EXPECTED as error:
            lines = {part: f"can't be read: {reason_for(error)}"}
            unreadable.append(part)
        for name, value in lines.items():
            click.echo(f"{name:15} {value}")
    if unreadable:
        raise click.ClickException(
            f"can't read {', '.join(unreadable)}; is it there, and were the migrations run?"
        )


def _places(services: Services) -> Lines:
    settings = services.settings
    return {
        "home": str(settings.home),
        "database": _without_secrets(settings.database_url),
        "catalog": _without_secrets(settings.catalog_uri),
        "warehouse": settings.warehouse,
    }


def _journal(services: Services) -> Lines:
    depth = read_depth(services.journal, services.database)
    waiting = f"{depth.backlog.contributions:,} contributions"
    if depth.oldest_at:
        size = decimal(depth.backlog.payload_bytes)
        waiting += f", {size}, the oldest for {_since(depth.oldest_at)}"
    committing = "nothing"
    if depth.claim:
        committing = f"batch {depth.claim.batch_id} for {_since(depth.claim.claimed_at)}"
    return {"waiting": waiting, "committing": committing}


def _committer(services: Services) -> Lines:
    runs = is_led(services.database.lock(COMMITTER_LOCK))
    return {"committer": "runs" if runs else "doesn't run"}


def _last_commit(services: Services) -> Lines:
    with services.database.read() as connection:
        snapshot = ledger.newest(connection)
    if snapshot is None:
        return {"last commit": "none yet"}
    return {
        "last commit": f"{_since(snapshot.committed_at)} ago, {snapshot.added_rows:,} rows, "
        f"at {snapshot.committed_at.isoformat(timespec='seconds')}",
        "snapshot": str(snapshot.snapshot_id),
    }


def _table(services: Services) -> Lines:
    size = size_of(load_table(services.catalog))
    return {
        "contributions": f"{size.rows:,}, all versions",
        "data files": f"{size.data_files:,}, {decimal(size.data_bytes)}",
        "live snapshots": f"{size.live_snapshots:,}",
    }


def _stages(services: Services) -> Lines:
    sizes = {
        stage: size_of(load_table(services.catalog, tables.rows))
        for stage, tables in COMPUTED_STAGES.items()
    }
    return {
        stage: f"{size.rows:,}, {decimal(size.data_bytes)}, {size.live_snapshots} live snapshots"
        for stage, size in sizes.items()
        if size.live_snapshots
    }


def _releases(services: Services) -> Lines:
    return {"releases": f"{len(services.releases.all()):,}"}


_PARTS: Final[Mapping[str, Callable[[Services], Lines]]] = {
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
