"""Building releases on a schedule, each at a secret time.

Someone who knew when a release is built could send unwanted conversations shortly before, and leave
no time to find them. So the time in each period follows from a random value, which is made once
and kept secret.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Final

from sqlalchemy import Connection, select, update

from app.access.visibility.embargo import Embargo
from app.background.periods import newest_due
from app.releases.registry import Registry
from app.settings import Schedule, Settings
from app.state.db import Database, insert_missing
from app.state.models import LedgerEntry, ReleaseSchedule, Secret
from app.telemetry import metrics
from catalog.stages.tables import STAGES, Stage

POLL_S: Final = 60.0

_SECRET: Final = "release-schedule"  # noqa: S105  # its name
_SECRET_BYTES: Final = 32

log = logging.getLogger(__name__)

BuildRelease = Callable[[str, Stage], int]
"""Builds a release, by its name and stage, in a process of its own; returns the exit code."""


@dataclass(frozen=True, slots=True)
class DueRelease:
    """A release that is to be built now.

    Attributes:
        stage: The stage that the release holds.
        name: The name of the release.
        period: The label of its period.
        sequence_number: The sequence number of the newest commit that changed rows. The release is
            built of its snapshot, or of a later one.
    """

    stage: Stage
    name: str
    period: str
    sequence_number: int


class Scheduler:
    """Builds the releases that are due; only the process that commits to the lake runs it."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        settings: Settings,
        build_release: BuildRelease,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare to build.

        Args:
            database: Keeps the random value, and which periods are settled.
            registry: The releases, and what became of their builds.
            settings: How often each stage is released.
            build_release: Builds a release.
            clock: Returns the time.
        """
        self._database = database
        self._registry = registry
        self._schedules: dict[Stage, Schedule] = {
            "raw": settings.schedule_raw,
            "cleaned": settings.schedule_cleaned,
            "curated": settings.schedule_curated,
        }
        self._retry = timedelta(seconds=settings.schedule_retry_s)
        self._build_release = build_release
        self._clock = clock
        self._embargo = Embargo(timedelta(seconds=settings.embargo_s), clock)

    def run(self, stop: Event) -> None:
        """Build what is due until told to stop; failures are logged and tried again."""
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

    def due(self, stage: Stage) -> DueRelease | None:
        """Return the release of a stage that is to be built now, or None.

        When nothing is new at a period's time, the period is settled without a release. If one were
        built at the next commit instead, its time could be chosen by whoever sends something.
        """
        frequency, now = self._schedules[stage], self._clock()
        if frequency == "off":
            return None
        with self._database.write() as connection:
            period, due_at = newest_due(frequency, now, _secret(connection, now), stage)
            state = _state(connection, stage, now)
            # What would have been due before the schedule began is not built.
            if due_at < state.since or state.settled == period.label:
                return None
            if state.try_after is not None and now < state.try_after:
                return None
            newest = _newest_change(connection, before=self._embargo.first_young(connection))
            if newest <= state.sequence_number:
                _settle(connection, stage, period.label, state.sequence_number)
                return None
        return DueRelease(stage, f"{stage}-{period.label}", period.label, newest)

    def _build(self, due: DueRelease, stop: Event) -> None:
        release = self._registry.find(due.name)
        if release is not None and release.state == "building":
            # An earlier leader started this build; the next step sees what became of it.
            return
        if release is None or release.state == "failed":
            log.info("building the scheduled release %s", due.name)
            code = self._build_release(due.name, due.stage)
            release = self._registry.find(due.name)
            if stop.is_set() and code:
                return
        if release is not None and release.state in {"published", "removed"}:
            self._succeeded(due, release.sequence_number or due.sequence_number)
        else:
            self._failed(due, release.reason if release else None)

    def _succeeded(self, due: DueRelease, sequence_number: int) -> None:
        with self._database.write() as connection:
            _settle(connection, due.stage, due.period, sequence_number)
        metrics.released(due.stage, self._clock())
        log.info("the scheduled release %s is published", due.name)

    def _failed(self, due: DueRelease, reason: str | None) -> None:
        try_after = self._clock() + self._retry
        metrics.release_failed(due.stage)
        log.error(
            "the scheduled release %s failed and is tried again after %s: %s",
            *(due.name, try_after.isoformat(timespec="seconds"), reason or "it never began"),
        )
        with self._database.write() as connection:
            _update(connection, due.stage, try_after=try_after)


@dataclass(frozen=True, slots=True)
class _State:
    """The row of a stage in `ReleaseSchedule`."""

    since: datetime
    settled: str | None
    sequence_number: int
    try_after: datetime | None


def _state(connection: Connection, stage: Stage, now: datetime) -> _State:
    """Return the state of a stage's schedule, which begins when this is first called."""
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
    return _State(*row)


def _settle(connection: Connection, stage: Stage, period: str, sequence_number: int) -> None:
    _update(connection, stage, settled=period, sequence_number=sequence_number, try_after=None)


def _update(connection: Connection, stage: Stage, **values: object) -> None:
    connection.execute(
        update(ReleaseSchedule).where(ReleaseSchedule.stage == stage).values(**values)
    )


def _secret(connection: Connection, now: datetime) -> bytes:
    """Return the random value of the lake, which is made when it is first needed."""
    query = select(Secret.value).where(Secret.name == _SECRET)
    value = connection.scalar(query)
    if value is None:
        made = {"name": _SECRET, "value": os.urandom(_SECRET_BYTES), "made_at": now}
        # Another process may be first; then its value is used.
        connection.execute(insert_missing(connection, Secret), made)
        value = connection.execute(query).scalar_one()
    return value


def _newest_change(connection: Connection, before: int | None) -> int:
    """Return the sequence number of the newest commit that added or removed rows, or 0.

    Args:
        connection: A connection to the database.
        before: Only commits with a lower sequence number than this; None for all.
    """
    query = (
        select(LedgerEntry.sequence_number)
        .where(LedgerEntry.added_rows != 0)
        .order_by(LedgerEntry.sequence_number.desc())
        .limit(1)
    )
    if before is not None:
        query = query.where(LedgerEntry.sequence_number < before)
    return connection.scalar(query) or 0
