from concurrent.futures import ThreadPoolExecutor
from signal import SIGINT, SIGQUIT

import pytest
from gunicorn.config import Config

from app.edge.worker import Worker


@pytest.fixture
def worker() -> Worker:
    """A worker of which only what a signal handler looks at is there."""
    made = Worker.__new__(Worker)
    made.alive = True
    made.tpool = ThreadPoolExecutor(1)
    made.cfg = Config()
    return made


@pytest.mark.timeout(20)
def test_a_signal_ends_a_worker_that_holds_the_lock_of_its_thread_pool(worker: Worker) -> None:
    """So it does where it hands a connection to the pool, or handles another signal."""
    with worker.tpool._shutdown_lock, pytest.raises(SystemExit):
        worker.handle_quit(SIGINT, None)


def test_a_second_signal_leaves_the_first_to_end_the_worker(worker: Worker) -> None:
    with pytest.raises(SystemExit):
        worker.handle_quit(SIGINT, None)
    worker.handle_quit(SIGQUIT, None)
