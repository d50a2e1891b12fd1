"""Building releases by themselves: each in a process of its own, at a moment that nobody can time.

Who knew when a release is made could send what it shall hold shortly before, and leave no time to
find it. So the moment in each period follows from a random value, which is made once and kept.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Final

from sqlalchemy import Connection, select, update

from app.background.periods import newest_due
from app.releases.registry import Registry
from app.settings import Schedule, Settings
from app.state.db import Database, insert_missing
from app.state.models import LedgerEntry, ReleaseSchedule, Secret
from app.telemetry import metrics
from catalog.stages import STAGES, Stage

POLL_S: Final = 60.0

_SECRET: Final = "release-schedule"  # noqa: S105  # its name
_SECRET_BYTES: Final = 32

log = logging.getLogger(__name__)

Run = Callable[[str, Stage], int]
"""Builds a release by name and stage in a process of its own, and returns its exit code."""


@dataclass(frozen=True, slots=True)
class Due:
    """A release that is to be built now.

    Attributes:
        stage: What it shall hold.
        name: Its name.
        period: The label of its period.
        sequence_number: Of the newest snapshot, which it is built of or of a later one.
    """

    stage: Stage
    name: str
    period: str
    sequence_number: int


class Scheduler:
    """Builds what is due; only the process that commits to the lake runs it."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        settings: Settings,
        run: Run,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Build what is due.

        Args:
            database: Keeps the random value, and what is settled.
            registry: Knows what became of builds.
            settings: How often each stage is released.
            run: Builds a release.
            clock: Returns the time.
        """
        self._database = database
        self._registry = registry
        self._every: dict[Stage, Schedule] = {
            "raw": settings.schedule_raw,
            "cleaned": settings.schedule_cleaned,
            "curated": settings.schedule_curated,
        }
        self._retry = timedelta(seconds=settings.schedule_retry_s)
        self._run = run
        self._clock = clock

    def run(self, stop: Event) -> None:
        """Build what is due, until told to stop. Whatever fails is logged and tried again."""
        while not stop.is_set():
            try:
                self.step(stop)
            except Exception:
                log.exception("the schedule of releases can't be kept now; it is tried again")
            stop.wait(POLL_S)

    def step(self, stop: Event) -> None:
        """Build each release that is due."""
        for stage in STAGES:
            due = self.due(stage)
            if due is not None and not stop.is_set():
                self._build(due, stop)

    def due(self, stage: Stage) -> Due | None:
        """Return the release of a stage that is to be built now, if there is one.

        A period in which nothing is new when its moment comes is settled without a release: to
        build one at the next commit would let whoever sends it time it.
        """
        every, now = self._every[stage], self._clock()
        if every == "off":
            return None
        with self._database.write() as connection:
            period, moment = newest_due(every, now, _secret(connection, now), stage)
            kept = _kept(connection, stage, now)
            # What was due before anyone looked was not due.
            if moment < kept.since or kept.settled == period.label:
                return None
            if kept.try_after is not None and now < kept.try_after:
                return None
            newest = _newest_change(connection)
            if newest <= kept.sequence_number:
                _settle(connection, stage, period.label, kept.sequence_number)
                return None
        return Due(stage, f"{stage}-{period.label}", period.label, newest)

    def _build(self, due: Due, stop: Event) -> None:
        known = self._registry.find(due.name)
        if known is not None and known.state == "building":
            # An earlier leader started it: what becomes of it is seen at the next look.
            return
        if known is None or known.state == "failed":
            log.info("building the scheduled release %s", due.name)
            code = self._run(due.name, due.stage)
            known = self._registry.find(due.name)
            if stop.is_set() and code:
                return
        if known is not None and known.state in {"published", "removed"}:
            self._succeeded(due, known.sequence_number or due.sequence_number)
        else:
            self._failed(due, known.reason if known else None)

    def _succeeded(self, due: Due, sequence_number: int) -> None:
        with self._database.write() as connection:
            _settle(connection, due.stage, due.period, sequence_number)
        metrics.released(due.stage, self._clock())
        log.info("the scheduled release %s is published", due.name)

    def _failed(self, due: Due, reason: str | None) -> None:
        try_after = self._clock() + self._retry
        metrics.release_failed(due.stage)
        log.error(
            "the scheduled release %s failed and is tried again after %s: %s",
            *(due.name, try_after.isoformat(timespec="seconds"), reason or "it never began"),
        )
        with self._database.write() as connection:
            _update(connection, due.stage, try_after=try_after)


@dataclass(frozen=True, slots=True)
class _Kept:
    since: datetime
    settled: str | None
    sequence_number: int
    try_after: datetime | None


def _kept(connection: Connection, stage: Stage, now: datetime) -> _Kept:
    """Return what is kept of a stage's schedule; it begins when it is first looked at."""
    fresh = {"stage": stage, "since": now, "settled": None, "sequence_number": 0, "try_after": None}
    connection.execute(insert_missing(connection, ReleaseSchedule), fresh)
    row = connection.execute(
        select(
            ReleaseSchedule.since,
            ReleaseSchedule.settled,
            ReleaseSchedule.sequence_number,
            ReleaseSchedule.try_after,
        ).where(ReleaseSchedule.stage == stage)
    ).one()
    return _Kept(*row)


def _settle(connection: Connection, stage: Stage, period: str, sequence_number: int) -> None:
    _update(connection, stage, settled=period, sequence_number=sequence_number, try_after=None)


def _update(connection: Connection, stage: Stage, **values: object) -> None:
    connection.execute(
        update(ReleaseSchedule).where(ReleaseSchedule.stage == stage).values(**values)
    )


def _secret(connection: Connection, now: datetime) -> bytes:
    """Return the random value of the lake; it is made the first time."""
    query = select(Secret.value).where(Secret.name == _SECRET)
    value = connection.scalar(query)
    if value is None:
        made = {"name": _SECRET, "value": os.urandom(_SECRET_BYTES), "made_at": now}
        # Another process may be first; whoever is, all have its value.
        connection.execute(insert_missing(connection, Secret), made)
        value = connection.execute(query).scalar_one()
    return value


def _newest_change(connection: Connection) -> int:
    """Return the sequence number of the newest commit that changed which rows there are; or 0."""
    query = (
        select(LedgerEntry.sequence_number)
        .where(LedgerEntry.added_rows != 0)
        .order_by(LedgerEntry.sequence_number.desc())
        .limit(1)
    )
    return connection.scalar(query) or 0
