from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select, update

from app.background import schedule
from app.background.schedule import BuildRelease, Scheduler
from app.query.snapshots import Reference
from app.services import Services
from app.state.models import LedgerEntry, Secret
from app.telemetry import metrics
from catalog.stages.tables import Stage
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_received

START = datetime(2026, 11, 25, tzinfo=UTC)
"""A Wednesday."""
OF_SCHEDULE = Secret.name == "release-schedule"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass
class World:
    """A lake, and a clock that the test moves on.

    Attributes:
        services: The services of the lake.
        now: The time.
        built: Names of the releases that were built, in order.
        build_release: What the scheduler builds releases with; None to publish an empty one.
        settings: Settings that differ from those of the services.
    """

    services: Services
    now: datetime = START
    built: list[str] = field(default_factory=list)
    build_release: BuildRelease | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def publish(self, name: str, _stage: Stage) -> int:
        """Register a release as published, which is all that the schedule looks at."""
        self.built.append(name)
        number = self.services.reading.snapshots.find(Reference()).sequence_number
        registry = self.services.publishing.releases.registry
        with registry.building(make_recipe(name)) as (build, _):
            build.mark_published(1, number)
        return 0

    def scheduler(self) -> Scheduler:
        """Return a scheduler as a new leader starts it."""
        return Scheduler(
            self.services.database,
            self.services.publishing.releases.registry,
            replace(self.services.settings, **self.settings),
            self.build_release or self.publish,
            clock=lambda: self.now,
        )

    def pass_by(self, time: timedelta, step: timedelta = HOUR) -> None:
        """Let time pass, and the scheduler build what is due after each step."""
        end = self.now + time
        while self.now < end:
            self.now += step
            self.scheduler().step(Event())


@pytest.fixture
def world(services: Services) -> World:
    """A lake with a contribution, whose schedule has begun."""
    made = World(services)
    commit_batch(services, make_received())
    made.scheduler().step(Event())
    return made


def scheduled(stage: str, name: str) -> float:
    """Return the value of a counter of scheduled releases."""
    return metrics.REGISTRY.get_sample_value(name, {"stage": stage}) or 0.0


@pytest.mark.slow
def test_a_raw_release_is_built_each_day_and_a_curated_one_each_week(world: World) -> None:
    for _ in range(12):
        world.pass_by(DAY, step=6 * HOUR)
        commit_batch(world.services, make_received())
    raw = [name for name in world.built if name.startswith("raw")]
    assert len(raw) >= 10
    assert set(raw) <= {f"raw-2026-11-{day}" for day in range(25, 31)} | {
        f"raw-2026-12-{day:02}" for day in range(1, 8)
    }
    curated = [name for name in world.built if name.startswith("curated")]
    assert (
        {"curated-2026-W49"}
        <= set(curated)
        <= {"curated-2026-W48", "curated-2026-W49", "curated-2026-W50"}
    )
    assert len(world.built) == len(set(world.built)) == len(raw) + len(curated)


@pytest.mark.parametrize(
    ("asked", "prefixes"),
    [
        ({"schedule_raw": "off", "schedule_curated": "off"}, set()),
        ({"schedule_raw": "off", "schedule_curated": "daily"}, {"curated-2026-11"}),
        ({"schedule_raw": "monthly", "schedule_curated": "off"}, {"raw-2026-12"}),
        (
            {"schedule_raw": "off", "schedule_curated": "off", "schedule_cleaned": "weekly"},
            {"cleaned-2026-W4"},
        ),
    ],
)
def test_each_stage_has_its_own_period_or_none(
    world: World, asked: dict[str, Any], prefixes: set[str]
) -> None:
    # With this secret, November's time is over and December's isn't.
    with world.services.database.write() as connection:
        connection.execute(update(Secret).where(OF_SCHEDULE).values(value=bytes(32)))
    world.settings = asked
    world.scheduler().step(Event())
    world.pass_by(37 * DAY, step=2 * DAY)
    assert {name[: len("raw-2026-12")] for name in world.built if name.startswith("raw")} == {
        prefix for prefix in prefixes if prefix.startswith("raw")
    }
    for prefix in prefixes:
        assert any(name.startswith(prefix) for name in world.built)
    assert {name.partition("-")[0] for name in world.built} == {
        prefix.partition("-")[0] for prefix in prefixes
    }


@pytest.mark.slow
def test_the_time_is_the_same_for_every_leader_and_differs_by_day(
    world: World,
) -> None:
    with world.services.database.read() as connection:
        secret = connection.scalar(select(Secret.value).where(OF_SCHEDULE))
    hours = []
    for _ in range(6):
        before = len(world.built)
        while len(world.built) == before:
            world.pass_by(HOUR)
        hours.append(world.now.hour)
        commit_batch(world.services, make_received())
    assert len(set(hours)) > 2
    with world.services.database.read() as connection:
        assert connection.scalars(select(Secret.value).where(OF_SCHEDULE)).all() == [secret]
    assert secret is not None
    assert len(secret) == 32


def test_nothing_is_built_when_nothing_was_committed_since(world: World) -> None:
    world.settings = {"schedule_curated": "off"}
    world.pass_by(2 * DAY)
    built = list(world.built)
    assert len(built) in {1, 2}
    world.pass_by(3 * DAY)
    assert world.built == built


def test_under_an_embargo_young_commits_make_no_release_due(world: World) -> None:
    with world.services.database.write() as connection:
        ledger_row = update(LedgerEntry).values(committed_at=world.now - HOUR)
        connection.execute(ledger_row)
    day_s = int(DAY.total_seconds())
    world.settings = {"schedule_curated": "off", "embargo_s": 30 * day_s}
    world.pass_by(5 * DAY, step=6 * HOUR)
    assert world.built == []
    world.settings["embargo_s"] = day_s
    world.pass_by(2 * DAY, step=6 * HOUR)
    assert len(world.built) in {1, 2}


@pytest.mark.slow
def test_a_commit_after_the_secret_time_does_not_bring_the_release_about(world: World) -> None:
    world.settings = {"schedule_curated": "off"}
    world.pass_by(3 * DAY)
    built = list(world.built)
    # The time of this day passes without news; who commits then can't tell that it was near.
    day = world.now.date()
    while world.scheduler().due("raw") is None and world.now.date() == day:
        world.pass_by(HOUR)
    commit_batch(world.services, make_received())
    world.scheduler().step(Event())
    assert world.built == built
    world.pass_by(DAY)
    assert len(world.built) == len(built) + 1


def test_nothing_is_due_for_the_time_before_the_schedule_began(services: Services) -> None:
    commit_batch(services, make_received())
    made = World(services, settings={"schedule_raw": "monthly", "schedule_curated": "weekly"})
    made.now = datetime(2026, 11, 30, 23, tzinfo=UTC)
    made.scheduler().step(Event())
    made.scheduler().step(Event())
    assert made.built == []


def test_a_release_that_fails_is_counted_and_tried_again_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[datetime] = []

    def fail(_name: str, _stage: Stage) -> int:
        attempts.append(world.now)
        return 1

    world.build_release = fail
    world.settings = {"schedule_curated": "off", "schedule_retry_s": 2 * 3600}
    before = scheduled("raw", "chatlake_scheduled_release_failures_total")
    world.pass_by(30 * HOUR)
    assert len(attempts) > 2
    assert {b - a for a, b in pairwise(attempts)} == {2 * HOUR}
    after = scheduled("raw", "chatlake_scheduled_release_failures_total")
    assert after - before == len(attempts)
    assert "failed and is tried again" in caplog.text
    published = scheduled("raw", "chatlake_scheduled_releases_total")
    world.build_release = None
    world.pass_by(2 * HOUR)
    assert len(world.built) == 1
    assert scheduled("raw", "chatlake_scheduled_releases_total") == published + 1


def test_a_build_that_an_earlier_leader_started_is_waited_for(world: World) -> None:
    world.settings = {"schedule_curated": "off"}
    due = None
    while due is None:
        world.now += HOUR
        due = world.scheduler().due("raw")
    registry = world.services.publishing.releases.registry
    registry.now = lambda: world.now
    snapshot = world.services.reading.snapshots.find(Reference())

    class Looks:
        """An observer of a build that lets the scheduler look for due releases meanwhile."""

        def step(self, _step: str, _total: int | None) -> None:
            world.scheduler().step(Event())

        def advance(self, _rows: int) -> None:
            pass

    world.services.publishing.releases.build(make_recipe(due.name), snapshot, Looks())
    world.scheduler().step(Event())
    assert world.built == []
    assert world.scheduler().due("raw") is None


def test_a_schedule_that_cannot_be_kept_is_logged_and_kept_later(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = Event()
    monkeypatch.setattr(schedule, "POLL_S", 0.001)
    steps: list[int] = []

    def step(_self: Scheduler, stop: Event) -> None:
        steps.append(1)
        if len(steps) == 2:
            stop.set()
        raise RuntimeError

    monkeypatch.setattr(Scheduler, "step", step)
    world.scheduler().run(stop)
    assert len(steps) == 2
    assert "is tried again" in caplog.text
