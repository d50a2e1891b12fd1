from collections.abc import Callable
from threading import Event

import pytest

from app.background import bans
from app.background.bans import BanJob
from app.ingest.refusals import refuse_nothing
from app.services import Services
from tests.app.access.moderation.actors import MODERATOR
from tests.app.access.moderation.banning import EVE, ban, hidden, ids_of, unban
from tests.factories import commit_batch, make_contribution, make_received


def test_the_committers_process_finishes_bans_by_itself(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bans, "_POLL_S", 0)
    stop = Event()
    made = make_received(0, **EVE)
    commit_batch(services, made)
    ban(services, "eve")
    services.access.bans.ban(["eve"], actor=MODERATOR, reason=None, takedown=True)
    outcomes: list[Callable[[], None]] = [stop.set, lambda: None, fail]
    update = services.access.banned_contributions.update

    def updated() -> None:
        outcomes.pop()()
        update()

    monkeypatch.setattr(services.access.banned_contributions, "update", updated)
    services.jobs.ban_job().run(stop)
    assert hidden(services) == ids_of(made)
    assert services.access.taken_down.ids().to_pylist() == [made.contribution_id]
    assert outcomes == []


def fail() -> None:
    raise OSError("the disk is away")


def ban_with_takedown(services: Services, *names: str) -> None:
    services.access.bans.ban(names, actor=MODERATOR, reason="advertising", takedown=True)
    services.access.banned_contributions.update()
    services.moderation.service.take_down_contributors(names, MODERATOR, "advertising")


@pytest.mark.both
def test_what_workers_take_after_a_ban_with_a_takedown_is_taken_down_as_well(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, other = make_received(0, **EVE), make_received(0)
    commit_batch(services, before, other)
    ban_with_takedown(services, "eve", "bob")
    job = services.jobs.ban_job()
    job.take_down_rest()
    assert len(services.access.takedowns.newest(9)) == 1
    # As in a worker that doesn't know of the bans yet.
    monkeypatch.setattr(services.ingest.journal, "_refused", refuse_nothing)
    late = [make_contribution("more", **EVE), make_contribution("also", contributor_id="bob")]
    for each in late:
        services.ingest.journal.append(each)
    services.jobs.committer().drain()
    for _ in range(2):
        job.take_down_rest()
    assert set(services.access.taken_down.ids().to_pylist()) == ids_of(before, *late)
    made = services.access.takedowns.newest(9)
    assert sorted(each.identifier for each in made) == ["bob", "eve", "eve"]
    assert {(each.requested_by, each.reason) for each in made} == {(MODERATOR, "advertising")}


def test_a_ban_without_a_takedown_erases_nothing_until_one_is_asked_for(
    services: Services,
) -> None:
    made = make_received(0, **EVE)
    commit_batch(services, made)
    ban(services, "eve")
    services.access.banned_contributions.update()
    job = services.jobs.ban_job()
    job.take_down_rest()
    assert services.access.takedowns.newest(9) == []
    # The process is killed before it asks for the takedown.
    services.access.bans.ban(["eve"], actor=MODERATOR, reason=None, takedown=True)
    job.take_down_rest()
    assert [each.identifier for each in services.access.takedowns.newest(9)] == ["eve"]


def test_a_lifted_ban_erases_nothing_more(services: Services) -> None:
    ban_with_takedown(services, "eve")
    unban(services, "eve")
    ban(services, "eve")
    commit_batch(services, make_received(0, **EVE))
    services.access.banned_contributions.update()
    job = services.jobs.ban_job()
    job.take_down_rest()
    assert services.access.takedowns.newest(9) == []


def test_what_is_hidden_and_not_in_the_lake_is_asked_for_once(services: Services) -> None:
    asked: list[str] = []
    job = BanJob(
        services.database,
        services.access.banned_contributions,
        lambda names, *_: asked.extend(names),
    )
    commit_batch(services, make_received(0, **EVE))
    services.access.bans.ban(["eve"], actor=MODERATOR, reason=None, takedown=True)
    services.access.banned_contributions.update()
    for _ in range(3):
        job.take_down_rest()
    assert asked == ["eve"]
