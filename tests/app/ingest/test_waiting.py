from concurrent.futures import ThreadPoolExecutor

import pytest

from app.ingest.journal import Acknowledged, Journal
from app.ingest.waiting import NoSeat, WaitingRoom
from app.services import Services
from catalog.snapshots import Snapshot
from tests.app.ingest.polling import wait_until
from tests.factories import make_contribution

LONG_S = 20.0


class CountingJournal(Journal):
    """The journal, which counts how often it was asked for a snapshot."""

    asked = 0

    def snapshot_of(self, receipt: Acknowledged) -> Snapshot | None:
        """Return the snapshot of a contribution, if it has one by now."""
        self.asked += 1
        return super().snapshot_of(receipt)


@pytest.fixture
def journal(services: Services) -> CountingJournal:
    """The journal of `services`, as those who wait use it."""
    return CountingJournal(services.database)


def test_what_is_committed_already_is_answered_at_once(services: Services) -> None:
    receipt = services.journal.append(make_contribution())
    services.committer().drain()
    snapshot = WaitingRoom(services.journal, seats=1).wait(receipt, timeout_s=0)
    assert snapshot is not None
    assert snapshot == services.journal.snapshot_of(receipt)


def test_waiting_ends_with_the_commit(services: Services, journal: CountingJournal) -> None:
    receipt = services.journal.append(make_contribution())
    room = WaitingRoom(journal, seats=1)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(room.wait, receipt, LONG_S)
        wait_until(lambda: journal.asked >= 2, "someone to wait")
        services.committer().drain()
        snapshot = future.result(LONG_S)
    assert snapshot is not None
    assert snapshot.added_rows == 1


@pytest.mark.parametrize("timeout_s", [0, 0.12])
def test_waiting_ends_when_time_runs_out(services: Services, timeout_s: float) -> None:
    receipt = services.journal.append(make_contribution())
    assert WaitingRoom(services.journal, seats=1).wait(receipt, timeout_s) is None


def test_a_repetition_waits_for_the_first_ones_commit(services: Services) -> None:
    first = make_contribution(ingest_id="i", submitter_id="ada")
    services.journal.append(first)
    services.committer().drain()
    again = make_contribution(ingest_id="i", submitter_id="ada")
    receipt = services.journal.append(again)
    assert WaitingRoom(services.journal, seats=1).wait(receipt, timeout_s=0) is not None


def test_who_finds_no_seat_does_not_wait(services: Services) -> None:
    receipt = services.journal.append(make_contribution())
    room = WaitingRoom(services.journal, seats=2)
    with ThreadPoolExecutor(2) as pool:
        seated = [pool.submit(room.wait, receipt, LONG_S) for _ in range(2)]
        wait_until(lambda: room._seats and not room._seats._value, "both to sit down")
        with pytest.raises(NoSeat):
            room.wait(receipt, LONG_S)
        assert not any(future.done() for future in seated)
        services.committer().drain()
        assert all(future.result(LONG_S) for future in seated)
    assert room.wait(receipt, LONG_S) is not None


def test_without_seats_nobody_waits(services: Services) -> None:
    receipt = services.journal.append(make_contribution())
    with pytest.raises(NoSeat):
        WaitingRoom(services.journal, seats=0).wait(receipt, LONG_S)


def test_a_seat_is_given_back_when_time_ran_out_or_asking_failed(services: Services) -> None:
    receipt = services.journal.append(make_contribution())

    class Failing(Journal):
        def snapshot_of(self, receipt: Acknowledged) -> Snapshot | None:
            raise OSError(receipt)

    failing = Failing(services.database)
    room = WaitingRoom(failing, seats=1)
    for _ in range(3):
        with pytest.raises(OSError, match=receipt.ingest_id):
            room.wait(receipt, 0)
    patient = WaitingRoom(services.journal, seats=1)
    assert patient.wait(receipt, 0) is None
    services.committer().drain()
    assert patient.wait(receipt, 0) is not None
