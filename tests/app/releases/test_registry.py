from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from app.releases import registry as module
from app.releases.errors import ReleaseNameTaken, ReleaseNotFound, ReleaseOvertaken
from app.releases.registry import LOST_AFTER, Registry
from app.releases.service import Releases
from app.services import Services
from app.state.models import ReleaseRecord
from catalog.snapshots import Snapshot
from tests.app.releases.factories import CallWhileWriting, make_recipe

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that tests set."""
    return Clock()


@pytest.fixture
def registry(services: Services, clock: Clock) -> Iterator[Registry]:
    """A registry that uses the clock."""
    yield Registry(services.database, clock)


def test_the_registry_shows_each_step_of_a_build(registry: Registry, clock: Clock) -> None:
    with registry.building(make_recipe(stage="curated")) as (build, died):
        assert not died
        build.step("stage", 100)
        build.advance(30)
        clock.now += SECOND
        build.save()
        status = registry.find("first")
        assert status is not None
        assert (status.stage, status.state, status.step) == ("curated", "building", "stage")
        assert (status.rows_done, status.rows_total) == (30, 100)
        assert (status.started_at, status.updated_at) == (NOW, NOW + SECOND)
        assert status.ended_at is None
        build.step("rows", 70)
        clock.now += SECOND
        build.mark_published(60, 7)
    status = registry.find("first")
    assert status is not None
    assert (status.state, status.step, status.rows_done) == ("published", "done", 60)
    assert (status.sequence_number, status.ended_at) == (7, NOW + 2 * SECOND)


def test_a_running_build_writes_heartbeats(
    registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.01)
    with registry.building(make_recipe()):
        clock.now += 2 * LOST_AFTER
        for _ in range(1000):
            status = registry.find("first")
            assert status is not None
            if status.updated_at == clock.now:
                break
        assert status is not None
        assert (status.state, status.updated_at) == ("building", clock.now)


def test_only_errors_of_the_lake_are_recorded_as_reasons(registry: Registry) -> None:
    for error, words in ((ReleaseNotFound("x"), "no release 'x'"), (OSError("/a/path"), "the log")):
        with pytest.raises(type(error)), registry.building(make_recipe()):
            raise error
        status = registry.find("first")
        assert status is not None
        assert status.state == "failed"
        assert words in (status.reason or "")
        assert "/a/path" not in (status.reason or "")


def test_a_name_has_one_build_at_a_time_and_none_after_it_was_published(
    registry: Registry,
) -> None:
    with registry.building(make_recipe()) as (build, _):
        with pytest.raises(ReleaseNameTaken), registry.building(make_recipe()):
            pass
        build.mark_published(1, 1)
    with pytest.raises(ReleaseNameTaken), registry.building(make_recipe()):
        pass


def test_a_build_without_heartbeats_counts_as_failed_and_gives_up_when_it_resumes(
    registry: Registry, clock: Clock
) -> None:
    with (
        pytest.raises(ReleaseOvertaken),
        registry.building(make_recipe()) as (sleeper, _),
    ):
        sleeper.step("publish", None)
        clock.now += LOST_AFTER + SECOND
        status = registry.find("first")
        assert status is not None
        assert (status.state, status.ended_at) == ("failed", NOW)
        with registry.building(make_recipe()) as (other, died_publishing):
            assert died_publishing
            with pytest.raises(ReleaseOvertaken):
                sleeper.save()
            other.mark_published(1, 1)
        sleeper.step("rows", 1)
    status = registry.find("first")
    assert status is not None
    assert status.state == "published"


def test_an_unknown_release_has_no_status(releases: Releases) -> None:
    with pytest.raises(ReleaseNotFound):
        releases.status("none")


@pytest.mark.slow
def test_a_release_that_was_removed_keeps_its_name(
    services: Services, snapshot: Snapshot, releases: Releases
) -> None:
    releases.build(make_recipe(stage="curated"), snapshot)
    releases.remove("first")
    assert releases.all() == []
    assert releases.status("first").state == "removed"
    for name in ("chatlake.contributions", "chatlake.curated", "chatlake.cleaned_dropped"):
        assert "first" not in services.catalog.load_table(name).metadata.refs
    with pytest.raises(ReleaseNotFound):
        releases.find("first")
    with pytest.raises(ReleaseNameTaken):
        releases.build(make_recipe(), snapshot)
    # A removal that was interrupted can be repeated.
    releases.remove("first")


def test_a_release_being_built_or_never_published_is_not_removed(
    snapshot: Snapshot, releases: Releases
) -> None:
    def remove() -> None:
        with pytest.raises(ReleaseNameTaken):
            releases.remove("first")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        releases.build(make_recipe(), snapshot, CallWhileWriting(remove))
    for name in ("first", "none"):
        with pytest.raises(ReleaseNotFound):
            releases.remove(name)


@pytest.mark.slow
def test_a_release_whose_end_was_not_recorded_is_shown_as_published(
    snapshot: Snapshot, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(module.Build, "mark_published", fail)
    with pytest.raises(RuntimeError):
        releases.build(make_recipe(), snapshot)
    assert releases.status("first").state == "published"
    with pytest.raises(ReleaseNameTaken):
        releases.build(make_recipe(), snapshot)
    # From then on the record says so too, which the schedule reads alone.
    known = releases.registry.find("first")
    assert known is not None
    assert (known.state, known.reason) == ("published", None)
    assert (known.rows_done, known.sequence_number) == (
        releases.find("first").rows,
        snapshot.sequence_number,
    )


@pytest.mark.slow
def test_a_release_that_is_older_than_the_registry_keeps_its_name(
    services: Services, snapshot: Snapshot, releases: Releases
) -> None:
    releases.build(make_recipe(), snapshot)
    with services.database.write() as connection:
        connection.execute(delete(ReleaseRecord))
    with pytest.raises(ReleaseNameTaken):
        releases.build(make_recipe(), snapshot)
    assert releases.status("first").state == "published"
