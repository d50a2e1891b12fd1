from concurrent.futures import ThreadPoolExecutor

import pytest

from app.ingest.journal.journal import Acknowledged, Journal
from app.ingest.journal.waiting import CommitWaiter, TooManyWaiting
from app.services import Services
from catalog.snapshots import Snapshot
from tests.app.ingest.polling import wait_until
from tests.factories import make_contribution

LONG_S = 20.0


class CountingJournal(Journal):
    """A journal that counts how often it is asked for a snapshot."""

    asked = 0

    def snapshot_of(self, receipt: Acknowledged) -> Snapshot | None:
        """Count the call, and return the snapshot of an entry, or None before its commit."""
        self.asked += 1
        return super().snapshot_of(receipt)


@pytest.fixture
def journal(services: Services) -> CountingJournal:
    """Another journal on the database of `services`, for the waiter alone."""
    return CountingJournal(services.database, services.settings.max_journal_bytes)


def test_an_already_committed_submission_is_answered_at_once(services: Services) -> None:
    receipt = services.ingest.journal.append(make_contribution())
    services.jobs.committer().drain()
    snapshot = CommitWaiter(services.ingest.journal, max_waiting=1).wait(receipt, timeout_s=0)
    assert snapshot is not None
    assert snapshot == services.ingest.journal.snapshot_of(receipt)


def test_waiting_ends_with_the_commit(services: Services, journal: CountingJournal) -> None:
    receipt = services.ingest.journal.append(make_contribution())
    waiter = CommitWaiter(journal, max_waiting=1)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(waiter.wait, receipt, LONG_S)
        wait_until(lambda: journal.asked >= 2, "the waiter to ask")
        services.jobs.committer().drain()
        snapshot = future.result(LONG_S)
    assert snapshot is not None
    assert snapshot.added_rows == 1


@pytest.mark.parametrize("timeout_s", [0, 0.12])
def test_waiting_ends_when_time_runs_out(services: Services, timeout_s: float) -> None:
    receipt = services.ingest.journal.append(make_contribution())
    assert CommitWaiter(services.ingest.journal, max_waiting=1).wait(receipt, timeout_s) is None


def test_a_repetition_waits_for_the_first_ones_commit(services: Services) -> None:
    first = make_contribution(conversation_id="i", contributor_id="ada")
    services.ingest.journal.append(first)
    services.jobs.committer().drain()
    again = make_contribution(conversation_id="i", contributor_id="ada")
    receipt = services.ingest.journal.append(again)
    assert (
        CommitWaiter(services.ingest.journal, max_waiting=1).wait(receipt, timeout_s=0) is not None
    )


def test_a_request_over_the_limit_does_not_wait(services: Services) -> None:
    receipt = services.ingest.journal.append(make_contribution())
    waiter = CommitWaiter(services.ingest.journal, max_waiting=2)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(waiter.wait, receipt, LONG_S) for _ in range(2)]
        wait_until(lambda: waiter.waiting == 2, "both to wait")
        with pytest.raises(TooManyWaiting):
            waiter.wait(receipt, LONG_S)
        assert not any(future.done() for future in waiting)
        services.jobs.committer().drain()
        assert all(future.result(LONG_S) for future in waiting)
    assert waiter.wait(receipt, LONG_S) is not None


def test_where_none_may_wait_none_does(services: Services) -> None:
    receipt = services.ingest.journal.append(make_contribution())
    with pytest.raises(TooManyWaiting):
        CommitWaiter(services.ingest.journal, max_waiting=0).wait(receipt, LONG_S)


def test_another_may_wait_after_time_ran_out_or_asking_failed(services: Services) -> None:
    receipt = services.ingest.journal.append(make_contribution())

    class Failing(Journal):
        def snapshot_of(self, receipt: Acknowledged) -> Snapshot | None:
            raise OSError(receipt)

    failing = Failing(services.database, services.settings.max_journal_bytes)
    waiter = CommitWaiter(failing, max_waiting=1)
    for _ in range(3):
        with pytest.raises(OSError, match=receipt.contribution_id):
            waiter.wait(receipt, 0)
    patient = CommitWaiter(services.ingest.journal, max_waiting=1)
    assert patient.wait(receipt, 0) is None
    services.jobs.committer().drain()
    assert patient.wait(receipt, 0) is not None
