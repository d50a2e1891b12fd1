"""Where long work may be stopped: at its checkpoints, by whoever asked for it.

Scans pass a checkpoint with each batch. Who asks for a scan may give a check, which raises when the
scan is no longer wanted; the scan ends with what it raises. Work that nobody gave a check goes on
to its end.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Check = Callable[[], None]
"""Raises a `LakeError` when the work is no longer wanted."""

POLL_S: Final = 0.1
"""How often work that waits for something else passes a checkpoint."""


def _go_on() -> None:
    """Let work go on that nobody gave a check."""


_check: Final[ContextVar[Check]] = ContextVar("check", default=_go_on)


@contextmanager
def checked(check: Check) -> Iterator[None]:
    """Have the checkpoints that this thread passes in the block call a check, the first at once.

    Raises:
        LakeError: What the check raises.
    """
    token = _check.set(check)
    try:
        check()
        yield
    finally:
        _check.reset(token)


def checkpoint() -> None:
    """Stop here if the work of this thread is no longer wanted.

    Raises:
        LakeError: What the check raises.
    """
    _check.get()()


def current_check() -> Check:
    """Return the check of this thread's work, for another thread that works or watches for it."""
    return _check.get()
