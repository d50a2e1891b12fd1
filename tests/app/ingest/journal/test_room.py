import pytest
from sqlalchemy.exc import OperationalError

from app.ingest.errors import JournalFull
from app.ingest.journal.journal import Journal
from app.ingest.journal.room import Room
from app.services import Services
from tests.factories import make_contribution


class Clock:
    """A clock that stands still until a test moves it on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time, in s."""
        return self.now


class Waiting:
    """What waits in a journal, and how often it was measured."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.measures = 0
        self.failures = 0

    def measure(self) -> int:
        """Return the size, or fail."""
        self.measures += 1
        if self.failures:
            self.failures -= 1
            raise OperationalError("measure", None, Exception("away"))
        return self.size_bytes


def test_there_is_room_until_too_much_waits_and_again_once_it_does_not() -> None:
    waiting, clock = Waiting(), Clock()
    room = Room(waiting.measure, 1_000, clock)
    room.check()
    waiting.size_bytes = 1_001
    clock.now += 2
    with pytest.raises(JournalFull, match="max_journal_bytes = 1000") as caught:
        room.check()
    assert (caught.value.waiting_bytes, caught.value.max_bytes) == (1_001, 1_000)
    waiting.size_bytes = 0
    clock.now += 2
    room.check()


def test_the_journal_is_not_measured_for_each_submission() -> None:
    waiting, clock = Waiting(), Clock()
    room = Room(waiting.measure, 1, clock)
    for _ in range(9):
        room.check()
    assert waiting.measures == 1
    clock.now += 2
    room.check()
    assert waiting.measures == 2


def test_a_failed_measure_is_taken_again_by_the_next_caller() -> None:
    waiting = Waiting()
    waiting.failures = 2
    room = Room(waiting.measure, 1)
    for _ in range(2):
        with pytest.raises(OperationalError):
            room.check()
    room.check()


def test_a_full_journal_takes_nothing_until_it_is_drained(services: Services) -> None:
    full = Journal(services.database, max_bytes=1)
    full.append(make_contribution())
    full._room._due = 0.0
    with pytest.raises(JournalFull):
        full.append(make_contribution())
    services.jobs.committer().drain()
    full._room._due = 0.0
    full.append(make_contribution())
    full.close()
