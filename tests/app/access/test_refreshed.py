from threading import Barrier, Thread

from app.access.refreshed import MAX_AGE_S, Refreshed


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_value_is_read_again_when_it_is_too_old() -> None:
    clock, reads = Clock(), iter("abc")
    value = Refreshed(lambda: next(reads), clock)
    assert value.peek() is None
    assert value.get() == "a"
    clock.now += MAX_AGE_S
    assert (value.peek(), value.get()) == ("a", "a")
    clock.now += 0.1
    assert value.peek() is None
    assert value.get() == "b"
    clock.now += 0.5
    assert value.get(0.4) == "c"


def test_the_age_counts_from_the_beginning_of_the_read() -> None:
    clock = Clock()

    def read() -> float:
        clock.now += 1
        return clock.now

    value = Refreshed(read, clock)
    value.get()
    assert value.peek(0.9) is None
    assert value.peek(1.0) == clock.now


def test_threads_that_come_together_read_once() -> None:
    reads: list[int] = []
    barrier = Barrier(4)

    def read() -> int:
        reads.append(1)
        return len(reads)

    value = Refreshed(read)
    got: list[int] = []

    def ask() -> None:
        barrier.wait(20)
        got.append(value.get())

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [1] * 4
