"""Checkpoints: points of long work at which the caller can stop it.

A scan passes a checkpoint with each batch. The caller may set a check, a function that raises an
error when the scan is no longer wanted; the scan then ends with that error. Without a check, work
runs to its end.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Check = Callable[[], None]
"""Raises a `LakeError` when the work is no longer wanted."""

POLL_S: Final = 0.1
"""Interval at which work that waits for something else passes a checkpoint."""


def _go_on() -> None:
    """The check of work that has none: it never raises."""


_check: Final[ContextVar[Check]] = ContextVar("check", default=_go_on)


@contextmanager
def checked(check: Check) -> Iterator[None]:
    """Set the check of this thread's work within the block, and call it once at the start.

    Raises:
        LakeError: The check raised it.
    """
    token = _check.set(check)
    try:
        check()
        yield
    finally:
        _check.reset(token)


def checkpoint() -> None:
    """Call the check of this thread's work, which raises when the work is no longer wanted.

    Raises:
        LakeError: The check raised it.
    """
    _check.get()()


def current_check() -> Check:
    """Return the check of this thread's work, so that a helper thread can call it too."""
    return _check.get()
