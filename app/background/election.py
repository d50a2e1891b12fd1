"""Electing the one committer of a lake."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Event, Thread
from typing import Final

from sqlalchemy.exc import DBAPIError

from app.state.locks import Lock

COMMITTER_LOCK: Final = "committer"

_POLL_S: Final = 0.2
"""Time between two attempts to get the lock."""
_CHECK_S: Final = 1.0
"""Time between two checks that the lock is still held."""
_UNREACHABLE_WAIT_S: Final = 2.0
"""Time before a database that can't be reached is tried again."""

log = logging.getLogger(__name__)


@contextmanager
def leadership(lock: Lock, stop: Event, on_loss: Callable[[], None]) -> Iterator[bool]:
    """Wait until this process leads, and yield True; yield False when `stop` comes first.

    Args:
        lock: The lock whose holder leads.
        stop: Ends the wait.
        on_loss: Called from another thread when the lock is lost while the block runs. Another
            process may lead from then on, so this function should end the process.
    """
    with closing(lock):
        if not _elected(lock, stop):
            yield False
            return
        done = Event()
        watch = Thread(target=_watch, args=(lock, done, on_loss), name="leadership", daemon=True)
        watch.start()
        try:
            yield True
        finally:
            done.set()
            watch.join()


def is_led(lock: Lock) -> bool:
    """Tell whether a process leads, without taking the lead."""
    with closing(lock):
        return lock.is_taken()


def _elected(lock: Lock, stop: Event) -> bool:
    logged = ""
    while not stop.is_set():
        wait_s = _POLL_S
        try:
            if lock.try_acquire():
                return True
            news = "another process commits to the lake; waiting to take over"
        except DBAPIError as error:
            news = f"the database can't be reached; trying again: {_reason(error)}"
            wait_s = _UNREACHABLE_WAIT_S
        # Not at each attempt: an outage may be long.
        if news != logged:
            log.info("%s", news)
            logged = news
        stop.wait(wait_s)
    return False


def _watch(lock: Lock, done: Event, on_loss: Callable[[], None]) -> None:
    while not done.wait(_CHECK_S):
        try:
            lock.check()
        except DBAPIError as error:
            log.warning("this process no longer commits to the lake: %s", _reason(error))
            on_loss()
            return


def _reason(error: DBAPIError) -> str:
    """Return the driver's message in one line; SQLAlchemy's own adds statements and links."""
    return " ".join(str(error.orig).split())
