from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import pytest

from app.access.takedowns.records import TakenDown
from app.services import Services
from tests.app.access.takedowns.rows import FIRST, SECOND, THIRD, ids_of
from tests.factories import make_contribution_id


@pytest.mark.both
def test_what_is_recorded_is_hidden_until_it_is_finished(services: Services) -> None:
    takedowns, taken_down = services.access.takedowns, services.access.taken_down
    assert taken_down.newest_takedown_id() == 0
    earlier = takedowns.record(
        "conversation", "x", [SECOND, FIRST], reason="asked", requested_by="cli:operator"
    )
    later = takedowns.record(
        "contributor", "y", [THIRD, FIRST], reason=None, requested_by="key of the desk"
    )
    assert takedowns.unfinished() == [earlier, later]
    assert taken_down.newest_takedown_id() == later.takedown_id > earlier.takedown_id
    assert taken_down.unfinished_ids().to_pylist() == ids_of(FIRST, SECOND, THIRD)
    assert services.access.hidden.ids().to_pylist() == ids_of(FIRST, SECOND, THIRD)

    takedowns.finish([earlier])
    assert takedowns.unfinished() == [later]
    assert taken_down.unfinished_ids().to_pylist() == ids_of(THIRD)
    assert services.access.hidden.ids().to_pylist() == ids_of(THIRD)
    assert taken_down.ids().to_pylist() == ids_of(FIRST, SECOND, THIRD)
    finished = takedowns.find(earlier.takedown_id)
    assert finished is not None
    assert finished.erased_at is not None
    assert finished.erased_at >= earlier.requested_at


@pytest.mark.both
def test_a_contribution_belongs_to_the_first_takedown_that_names_it(services: Services) -> None:
    takedowns = services.access.takedowns
    one = takedowns.record("conversation", "x", [FIRST], reason=None, requested_by="a")
    takedowns.finish([one])
    two = takedowns.record(
        "contributor", "y", [FIRST, SECOND, SECOND], reason=None, requested_by="a"
    )
    assert services.access.hidden.ids().to_pylist() == ids_of(SECOND)
    assert takedowns.of("contribution", FIRST.contribution_id) == takedowns.find(one.takedown_id)
    assert takedowns.of("contribution", SECOND.contribution_id) == two
    assert takedowns.of("contributor", "y") == two
    assert takedowns.of("contributor", "z") is None


def test_times_are_those_of_the_clock(services: Services) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    takedowns = type(services.access.takedowns)(
        services.database, services.access.hidden, lambda: now
    )
    takedown = takedowns.record("contributor", "y", [], reason=None, requested_by="a")
    takedowns.finish([takedown])
    assert [(each.requested_at, each.erased_at) for each in takedowns.newest(5)] == [(now, now)]


@pytest.mark.both
def test_takedowns_are_recorded_while_others_are_finished(services: Services) -> None:
    """Both change the list of what is hidden: in two orders, they would wait for each other."""
    takedowns = services.access.takedowns
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
    assert len(services.access.hidden.ids()) == 0


def test_takedowns_of_one_requester_are_listed_newest_first(services: Services) -> None:
    takedowns = services.access.takedowns
    one, _, three = (
        takedowns.record("contribution", row.contribution_id, [row], reason=None, requested_by=who)
        for row, who in ((FIRST, "a"), (SECOND, "b"), (THIRD, "a"))
    )
    assert takedowns.requested_by("a", 10) == [three, one]
    assert takedowns.requested_by("a", 1) == [three]
    assert takedowns.requested_by("c", 10) == []
