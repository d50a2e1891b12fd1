"""Electing the one committer of a lake."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

_POLL_S = 0.2


@contextmanager
def leadership(lock_file: Path, stop: Event) -> Iterator[bool]:
    """Wait until this process leads, and yield True; yield False when `stop` comes first.

    The lock is flock(2) on a file: the kernel gives it back when its holder dies, however it dies.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("a") as file:
        yield _locked(file.fileno(), stop)


def is_led(lock_file: Path) -> bool:
    """Tell whether a process leads.

    The look itself takes the lock for a moment, shared with other lookers; who waits to lead tries
    again.
    """
    try:
        with lock_file.open() as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _locked(descriptor: int, stop: Event) -> bool:
    while not stop.is_set():
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stop.wait(_POLL_S)
        else:
            return True
    return False
