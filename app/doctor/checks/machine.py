"""The machine: permissions, free space, the clock, and who commits."""

import shutil
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from app.background.election import COMMITTER_LOCK, is_led
from app.doctor.examined_lake import ExaminedLake
from app.doctor.finding import Finding
from app.ingest.journal.entries import IS_PENDING
from app.state.models import JournalEntry, LedgerEntry
from catalog.wording import counted

_LEAST_FREE_BYTES: Final = 1024**3
_LEAST_FREE_SHARE: Final = 0.05
_CLOCK_SLACK: Final = timedelta(seconds=10)
"""How much clocks of several nodes may differ."""
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def check_permissions(lake: ExaminedLake) -> Iterator[Finding]:
    """Find state that others may write, and databases that others may read."""
    home = lake.settings.home
    for path in (home, *home.glob("*.db"), *home.glob("*.lock")):
        if path.exists() and path.stat().st_mode & _OTHERS_WRITE:
            yield Finding(
                check="permissions",
                severity="error",
                what=f"other users may write to {path}",
                mend=f"chmod go-w '{path}'",
            )


def check_space(lake: ExaminedLake) -> Iterator[Finding]:
    """Find disks that are almost full."""
    for folder in sorted({lake.settings.home, *_folders_of_databases(lake)}):
        if not folder.exists():
            continue
        disk = shutil.disk_usage(folder)
        if disk.free < min(_LEAST_FREE_BYTES, disk.total * _LEAST_FREE_SHARE):
            yield Finding(
                check="space",
                severity="error",
                what=f"the disk of {folder} has less than {_LEAST_FREE_BYTES} bytes free, and less "
                f"than a {round(1 / _LEAST_FREE_SHARE)}th",
                mend="make room: a full disk answers submissions with 503",
            )


def check_clock(lake: ExaminedLake) -> Iterator[Finding]:
    """Find a clock that is behind the lake, or apart from that of the database's server."""
    with lake.database.read() as connection:
        newest: datetime | None = connection.scalar(select(func.max(LedgerEntry.committed_at)))
        is_server = connection.dialect.name == "postgresql"
        server = connection.scalar(select(func.now())) if is_server else None
    if newest and newest - lake.now > _CLOCK_SLACK:
        yield _clock(f"a snapshot was committed at {newest.isoformat()}, which is in the future")
    if server and abs(server - datetime.now(server.tzinfo)) > _CLOCK_SLACK:
        yield _clock("the clocks of this machine and of PostgreSQL's differ by more than 10 s")


def check_committer(lake: ExaminedLake) -> Iterator[Finding]:
    """Find contributions that wait though no committer runs."""
    with lake.database.read() as connection:
        waiting = connection.scalar(select(func.sum(JournalEntry.contributions)).where(IS_PENDING))
    if waiting and not is_led(lake.database.lock(COMMITTER_LOCK)):
        yield Finding(
            check="committer",
            severity="warning",
            what=f"{counted(waiting, 'contribution waits', 'contributions wait')}, and no "
            "committer runs",
            mend="start the server, or run scripts/lake committer",
        )


def _clock(what: str) -> Finding:
    return Finding(
        check="clock", severity="error", what=what, mend="set the clock, by NTP for example"
    )


def _folders_of_databases(lake: ExaminedLake) -> Iterator[Path]:
    for url in (lake.settings.database_url, lake.settings.catalog_uri):
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            yield Path(parsed.database).parent
