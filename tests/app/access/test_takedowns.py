from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import pytest

from app.access.errors import TakenDownForGood
from app.access.takedowns import TakenDown, TakenDownId
from app.services import Services
from tests.factories import make_contribution_id

FIRST, SECOND, THIRD = (
    TakenDown(f"01900000-0000-7000-8000-00000000000{n}", f"conversation {n}", f"hash {n}", n)
    for n in (1, 2, 3)
)


def ids_of(*rows: TakenDown) -> list[str]:
    return [row.contribution_id for row in rows]


@pytest.mark.both
def test_what_is_recorded_is_hidden_until_it_is_finished(services: Services) -> None:
    takedowns = services.takedowns
    assert takedowns.newest_id() == 0
    earlier = takedowns.record(
        "conversation", "x", [SECOND, FIRST], reason="asked", requested_by="cli:operator"
    )
    later = takedowns.record(
        "contributor", "y", [THIRD, FIRST], reason=None, requested_by="key of the desk"
    )
    assert takedowns.unfinished() == [earlier, later]
    assert takedowns.newest_id() == later.takedown_id > earlier.takedown_id
    assert takedowns.unfinished_ids().to_pylist() == ids_of(FIRST, SECOND, THIRD)
    assert services.hidden.ids().to_pylist() == ids_of(FIRST, SECOND, THIRD)

    takedowns.finish([earlier])
    assert takedowns.unfinished() == [later]
    assert takedowns.unfinished_ids().to_pylist() == ids_of(THIRD)
    assert services.hidden.ids().to_pylist() == ids_of(THIRD)
    assert takedowns.taken_down_ids().to_pylist() == ids_of(FIRST, SECOND, THIRD)
    finished = takedowns.find(earlier.takedown_id)
    assert finished is not None
    assert finished.erased_at is not None
    assert finished.erased_at >= earlier.requested_at


@pytest.mark.both
def test_the_feed_is_in_the_order_of_takedowns_and_tells_nothing_else(services: Services) -> None:
    takedowns = services.takedowns
    one = takedowns.record("contribution", "x", [THIRD], reason=None, requested_by="a")
    two = takedowns.record("contributor", "y", [SECOND, FIRST], reason=None, requested_by="a")
    feed = [
        TakenDownId(one.takedown_id, THIRD.contribution_id, one.requested_at),
        TakenDownId(two.takedown_id, FIRST.contribution_id, two.requested_at),
        TakenDownId(two.takedown_id, SECOND.contribution_id, two.requested_at),
    ]
    assert takedowns.page(None, 2) == feed[:2]
    assert takedowns.page((feed[1].takedown_id, feed[1].contribution_id), 2) == feed[2:]
    assert takedowns.page((feed[2].takedown_id, feed[2].contribution_id), 2) == []


@pytest.mark.both
def test_a_contribution_belongs_to_the_first_takedown_that_names_it(services: Services) -> None:
    takedowns = services.takedowns
    one = takedowns.record("conversation", "x", [FIRST], reason=None, requested_by="a")
    takedowns.finish([one])
    two = takedowns.record(
        "contributor", "y", [FIRST, SECOND, SECOND], reason=None, requested_by="a"
    )
    assert services.hidden.ids().to_pylist() == ids_of(SECOND)
    assert takedowns.of("contribution", FIRST.contribution_id) == takedowns.find(one.takedown_id)
    assert takedowns.of("contribution", SECOND.contribution_id) == two
    assert takedowns.of("contributor", "y") == two
    assert takedowns.of("contributor", "z") is None


@pytest.mark.both
def test_what_stays_of_a_contribution_gets_its_commit_later(services: Services) -> None:
    pending = TakenDown(FIRST.contribution_id, "c", "h", None)
    takedown = services.takedowns.record(
        "contribution", FIRST.contribution_id, [pending, SECOND], reason=None, requested_by="a"
    )
    services.takedowns.commits_are({FIRST.contribution_id: 7})
    committed = TakenDown(FIRST.contribution_id, "c", "h", 7)
    rows = services.takedowns.rows()
    assert sorted(rows, key=lambda row: row.contribution_id) == [committed, SECOND]
    assert list(services.takedowns.rows(after=takedown.takedown_id)) == []
    assert services.takedowns.rows_of(ids_of(FIRST, THIRD)) == [committed]


def test_times_are_those_of_the_clock(services: Services) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    takedowns = type(services.takedowns)(services.database, services.hidden, lambda: now)
    takedown = takedowns.record("contributor", "y", [], reason=None, requested_by="a")
    takedowns.finish([takedown])
    assert [(each.requested_at, each.erased_at) for each in takedowns.newest(5)] == [(now, now)]


@pytest.mark.both
def test_takedowns_are_recorded_while_others_are_finished(services: Services) -> None:
    """Both change the list of what is hidden: in two orders, they would wait for each other."""
    takedowns = services.takedowns
    is_over = Event()

    def finish() -> None:
        while not is_over.is_set():
            takedowns.finish(takedowns.unfinished())

    with ThreadPoolExecutor(1) as pool:
        finishing = pool.submit(finish)
        try:
            for _ in range(100):
                row = TakenDown(make_contribution_id(), "chat", "hash", 1)
                takedowns.record(
                    "contribution", row.contribution_id, [row], reason=None, requested_by="test"
                )
        finally:
            is_over.set()
        finishing.result()
    takedowns.finish(takedowns.unfinished())
    assert len(services.hidden.ids()) == 0


def test_takedowns_of_one_requester_are_listed_newest_first(services: Services) -> None:
    takedowns = services.takedowns
    one, _, three = (
        takedowns.record("contribution", row.contribution_id, [row], reason=None, requested_by=who)
        for row, who in ((FIRST, "a"), (SECOND, "b"), (THIRD, "a"))
    )
    assert takedowns.requested_by("a", 10) == [three, one]
    assert takedowns.requested_by("a", 1) == [three]
    assert takedowns.requested_by("c", 10) == []


def test_what_was_taken_down_is_told_from_what_never_was(services: Services) -> None:
    takedowns = services.takedowns
    takedown = takedowns.record("contributor", "y", [FIRST], reason=None, requested_by="a")
    takedowns.check(SECOND.contribution_id)
    for _ in range(2):
        with pytest.raises(TakenDownForGood, match=FIRST.contribution_id):
            takedowns.check(FIRST.contribution_id)
        takedowns.finish([takedown])
