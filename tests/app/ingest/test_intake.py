import pytest
from sqlalchemy.exc import OperationalError

from app.ingest.errors import JournalFull
from app.ingest.intake import Backpressure
from app.ingest.journal import Backlog, Journal
from app.services import Services
from tests.factories import make_contribution


class Clock:
    """A clock that stands still until a test moves it on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time, in s."""
        return self.now


def test_submissions_are_refused_only_while_the_journal_is_full(
    services: Services,
) -> None:
    clock = Clock()
    backpressure = Backpressure(services.journal, max_bytes=1_000, clock=clock)
    backpressure.check()
    services.journal.append(make_contribution("x" * 1_000))
    clock.now += 2
    with pytest.raises(JournalFull, match="max_journal_bytes = 1000") as caught:
        backpressure.check()
    assert caught.value.waiting_bytes > caught.value.max_bytes == 1_000
    services.committer().drain()
    clock.now += 2
    backpressure.check()


def test_the_journal_is_not_measured_for_each_submission(services: Services) -> None:
    clock = Clock()
    backpressure = Backpressure(services.journal, max_bytes=1, clock=clock)
    backpressure.check()
    services.journal.append(make_contribution())
    backpressure.check()
    clock.now += 2
    with pytest.raises(JournalFull):
        backpressure.check()


def test_a_failed_measure_is_taken_again_by_the_next_caller(services: Services) -> None:
    class Away(Journal):
        """A journal that can't be measured at first."""

        failures = 2

        def backlog(self) -> Backlog:
            if self.failures:
                self.failures -= 1
                raise OperationalError("measure", None, Exception("away"))
            return super().backlog()

    backpressure = Backpressure(Away(services.database), max_bytes=1)
    for _ in range(2):
        with pytest.raises(OperationalError):
            backpressure.check()
    backpressure.check()
