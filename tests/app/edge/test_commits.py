import asyncio
import logging
from collections.abc import Collection, Mapping

import pytest
from sqlalchemy.exc import OperationalError

from app.edge.commits import CommitWatch
from app.services import Services
from app.telemetry.logs import RequestId, current_request
from catalog.snapshots import Snapshot
from tests.factories import commit_batch, make_contribution


class Ledger:
    """The snapshots of entries, with a count of the queries."""

    def __init__(self) -> None:
        self.snapshots: dict[int, Snapshot] = {}
        self.queries: list[list[int]] = []
        self.failure: Exception | None = None

    def find(self, entry_ids: Collection[int]) -> Mapping[int, Snapshot]:
        """Return what is known of the entries, or fail once."""
        self.queries.append(sorted(entry_ids))
        if self.failure:
            failure, self.failure = self.failure, None
            raise failure
        return {i: self.snapshots[i] for i in entry_ids if i in self.snapshots}


@pytest.fixture
def snapshot(services: Services) -> Snapshot:
    """A snapshot of the lake."""
    return commit_batch(services, make_contribution())


def test_all_who_wait_are_told_by_the_same_queries(snapshot: Snapshot) -> None:
    ledger = Ledger()

    async def wait() -> list[Snapshot | None]:
        watch = CommitWatch(ledger.find, 10)
        waiting = [asyncio.create_task(watch.wait(entry, 20)) for entry in (1, 1, 2)]
        await asyncio.sleep(0)
        ledger.snapshots = {1: snapshot, 2: snapshot}
        return await asyncio.gather(*waiting)

    assert asyncio.run(wait()) == [snapshot] * 3
    assert ledger.queries[0] == [1, 2]


@pytest.mark.parametrize("is_committed", [True, False])
def test_the_shortest_wait_has_a_look(snapshot: Snapshot, is_committed: bool) -> None:
    ledger = Ledger()
    ledger.snapshots = {1: snapshot} if is_committed else {}
    found = asyncio.run(CommitWatch(ledger.find, 10).wait(1, 0))
    assert found == (snapshot if is_committed else None)
    assert ledger.queries


@pytest.mark.parametrize("failure", [OperationalError("x", None, Exception("away")), KeyError()])
def test_a_failed_query_is_logged_and_repeated(
    snapshot: Snapshot, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger()
    ledger.snapshots = {1: snapshot}
    ledger.failure = failure
    assert asyncio.run(CommitWatch(ledger.find, 10).wait(1, 20)) == snapshot
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_the_watch_is_of_no_request() -> None:
    seen: list[RequestId | None] = []

    def find(_: Collection[int]) -> Mapping[int, Snapshot]:
        seen.append(current_request.get())
        return {}

    async def wait() -> None:
        current_request.set(RequestId("mine"))
        await CommitWatch(find, 10).wait(1, 0)

    asyncio.run(wait())
    assert set(seen) == {None}


def test_the_number_of_those_who_wait_is_known_however_they_end(snapshot: Snapshot) -> None:
    ledger = Ledger()
    ledger.snapshots = {2: snapshot}

    async def wait() -> None:
        watch = CommitWatch(ledger.find, 2)
        cancelled = asyncio.create_task(watch.wait(1, 20))
        answered = asyncio.create_task(watch.wait(2, 20))
        await asyncio.sleep(0)
        assert watch.is_full
        assert await answered == snapshot
        cancelled.cancel()
        await asyncio.wait([cancelled])
        assert watch._waiting == 0
        # After all have left, the next one is served again.
        while watch._task is not None:
            await asyncio.sleep(0.001)
        assert await watch.wait(2, 20) == snapshot

    asyncio.run(wait())
