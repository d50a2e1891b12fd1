from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.access.moderation import banned_contributions
from app.services import Services
from app.state.models import BanRecord
from catalog.snapshots import Snapshot
from catalog.table import append_batch
from tests.app.access.moderation.banning import EVE, ban, hidden, ids_of, unban
from tests.factories import commit_batch, make_contribution, make_received


def state(services: Services, name: str) -> str | None:
    """Return the state of a ban; None when nothing is left of it."""
    with services.database.read() as connection:
        return connection.scalar(select(BanRecord.state).where(BanRecord.contributor_id == name))


@pytest.mark.slow
@pytest.mark.both
def test_what_a_banned_contributor_sent_is_hidden_and_shown_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banned_contributions, "_ROWS_IN_A_TRANSACTION", 2)
    eves = [make_received(day, **EVE) for day in range(5)]
    others = [make_received(1), make_received(2, contributor_id="bob")]
    commit_batch(services, *eves[:3], *others)
    commit_batch(services, *eves[3:])
    ban(services, "eve", "nobody")
    assert hidden(services) == set()
    services.access.banned_contributions.update()
    assert hidden(services) == ids_of(*eves)
    assert services.access.banned_contributions.count("eve") == 5
    assert state(services, "eve") == state(services, "nobody") == "banned"
    unban(services, "eve")
    services.access.banned_contributions.update()
    assert hidden(services) == set()
    assert services.access.banned_contributions.count("eve") == 0
    assert state(services, "eve") is None


def test_builds_finish_bans_first(services: Services) -> None:
    made = make_received(0, **EVE)
    commit_batch(services, made)
    ban(services, "eve")
    assert services.access.banned_contributions.hidden_ids().to_pylist() == [made.contribution_id]


@pytest.mark.both
def test_what_waits_in_the_journal_is_hidden_before_readers_see_it(services: Services) -> None:
    waiting, other = make_contribution(**EVE), make_contribution(contributor_id="bob")
    for each in (waiting, other):
        services.ingest.journal.append(each)
    ban(services, "eve")
    services.access.banned_contributions.update()
    assert hidden(services) == set()
    services.jobs.committer().drain()
    assert hidden(services) == ids_of(waiting)
    unban(services, "eve")
    services.access.banned_contributions.update()
    assert hidden(services) == set()


@pytest.mark.both
def test_what_an_upload_staged_is_hidden_before_readers_see_it(
    services: Services, client: Any
) -> None:
    key = "a40e4d2b-7d3e-4d1f-8f5b-0a4ea3d3a0f1"
    lines = [
        f'{{"agent_id": "a", "conversation": [{{"role": "user", "content": "{n}"}}]{sender}}}'
        for n, sender in enumerate(["", f', "submitter_id": "{key}"', ""])
    ]
    answer = client.post(
        "/v1/ingest/chats", data="\n".join(lines), content_type="application/x-ndjson"
    )
    assert answer.status_code in {200, 202}, answer.get_data()
    ban(services, services.access.ids.contributor_id(key))
    services.jobs.committer().drain()
    assert len(hidden(services)) == 1


Interruption = Callable[[], None]


@pytest.mark.parametrize("moment", ["before_append", "after_append"])
def test_a_ban_at_the_moment_of_a_commit_misses_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    waiting = make_contribution(**EVE)
    services.ingest.journal.append(waiting)

    def at(when: str) -> None:
        if when == moment:
            ban(services, "eve")
            services.access.banned_contributions.update()

    interrupt_append(monkeypatch, at)
    services.jobs.committer().drain()
    assert hidden(services) == ids_of(waiting)
    assert state(services, "eve") == "banned"


@pytest.mark.parametrize("moment", ["before_append", "after_append"])
def test_a_ban_that_is_lifted_at_the_moment_of_a_commit_leaves_nothing_hidden(
    services: Services, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    services.ingest.journal.append(make_contribution(**EVE))
    ban(services, "eve")
    services.access.banned_contributions.update()

    def at(when: str) -> None:
        if when == moment:
            unban(services, "eve")
            services.access.banned_contributions.update()

    interrupt_append(monkeypatch, at)
    services.jobs.committer().drain()
    assert hidden(services) == set()
    assert state(services, "eve") is None


def interrupt_append(monkeypatch: pytest.MonkeyPatch, at: Callable[[str], None]) -> None:
    """Have something happen before and after the append of a batch."""

    def interrupted(*arguments: Any) -> Snapshot:
        at("before_append")
        snapshot = append_batch(*arguments)
        at("after_append")
        return snapshot

    monkeypatch.setattr("app.ingest.commits.committer.append_batch", interrupted)


class Killed(Exception):
    """The process ends here."""


def test_a_committer_that_was_killed_after_its_append_is_followed_by_one_that_hides(
    services: Services,
) -> None:
    waiting = make_contribution(**EVE)
    services.ingest.journal.append(waiting)

    def ban_and_die(when: str) -> None:
        if when == "after_append":
            ban(services, "eve")
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        interrupt_append(patched, ban_and_die)
        with pytest.raises(Killed):
            services.jobs.committer().drain()
    assert hidden(services) == set()
    services.jobs.committer().drain()
    assert hidden(services) == ids_of(waiting)
    assert services.ingest.claims.open_claim() is None


def test_a_ban_that_was_cut_off_is_finished_later(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banned_contributions, "_ROWS_IN_A_TRANSACTION", 1)
    made = [make_received(day, **EVE) for day in range(3)]
    commit_batch(services, *made)
    ban(services, "eve")
    hide = services.access.hidden.hide
    calls = iter(range(10))

    def cut_off(*arguments: Any) -> None:
        hide(*arguments)
        if next(calls) == 1:
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(services.access.hidden, "hide", cut_off)
        with pytest.raises(Killed):
            services.access.banned_contributions.update()
    assert len(hidden(services)) == 1
    assert state(services, "eve") == "hiding"
    services.access.banned_contributions.update()
    assert hidden(services) == ids_of(*made)


def test_a_ban_that_is_lifted_while_it_is_carried_out_hides_nothing_more(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banned_contributions, "_ROWS_IN_A_TRANSACTION", 1)
    commit_batch(services, *(make_received(day, **EVE) for day in range(3)))
    ban(services, "eve")
    found = banned_contributions._found

    def lift_after_the_first(*arguments: Any) -> Any:
        for number, each in enumerate(found(*arguments)):
            if number == 1:
                unban(services, "eve")
            yield each

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(banned_contributions, "_found", lift_after_the_first)
        services.access.banned_contributions.update()
    assert len(hidden(services)) == 1
    services.access.banned_contributions.update()
    assert hidden(services) == set()
    assert state(services, "eve") is None
