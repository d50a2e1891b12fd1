"""Waiting until another thread or process has done something."""

from collections.abc import Callable
from time import monotonic, sleep

_DEADLINE_S = 20.0
_POLL_S = 0.005


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return once a condition holds; `what` names it in the error.

    Raises:
        AssertionError: The condition doesn't hold within 20 s.
    """
    deadline = monotonic() + _DEADLINE_S
    while not condition():
        assert monotonic() < deadline, f"waited {_DEADLINE_S} s for {what}"
        sleep(_POLL_S)
