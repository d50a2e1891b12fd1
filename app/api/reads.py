"""Requests that read the lake: admitted, bounded in time, and stopped when their clients leave."""

import select
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from socket import socket
from time import monotonic
from typing import ParamSpec, TypeVar

from flask import Response, request

from app.api.body import CONNECTION
from app.api.guards import current_guards
from app.services import current_services
from catalog.checkpoints import Check, checked
from catalog.errors import Abandoned, Invalid

P = ParamSpec("P")
T = TypeVar("T")


class ReadTimeout(Invalid):
    """A read of the lake took too long.

    Attributes:
        limit: The name of the setting.
        timeout_s: Its value, in seconds.
    """

    def __init__(self, limit: str, timeout_s: float) -> None:
        super().__init__(
            f"no answer was found within {limit} = {timeout_s:g} s; "
            "select less, such as fewer days, or ask for a stream"
        )
        self.limit = limit
        self.timeout_s = timeout_s


class ClientLeft(Abandoned):
    """The client closed its connection, or one direction of it, before the answer was ready."""

    def __init__(self) -> None:
        super().__init__("the client left before its request was answered")


def reads_lake(view: Callable[P, T]) -> Callable[P, T]:
    """Have a view read the lake within the limits for reads.

    The view takes one of the worker's places for reads. A response holds the place until the client
    has it. The view must end within `read_timeout_s`, and is stopped at its next checkpoint when
    the client leaves.

    The decorated view raises:
        TooBusy: No place is left.
        ReadTimeout: The view took too long.
        ClientLeft: The client left.
    """

    @wraps(view)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        timeout_s = current_services().settings.read_timeout_s
        with ExitStack() as place:
            place.enter_context(current_guards().reading())
            with checked(still_wanted("read_timeout_s", timeout_s)):
                answer = view(*args, **kwargs)
            if isinstance(answer, Response):
                answer.call_on_close(place.pop_all().close)
            return answer

    return limited


def still_wanted(limit: str, timeout_s: float) -> Check:
    """Return the check of work for the current request, which is wanted for so long from now.

    The check raises:
        ReadTimeout: The time is over, which the setting `limit` gives.
        ClientLeft: The client left.
    """
    deadline = monotonic() + timeout_s
    connection: socket | None = request.environ.get(CONNECTION)

    def check() -> None:
        if connection and _has_left(connection):
            raise ClientLeft
        if monotonic() > deadline:
            raise ReadTimeout(limit, timeout_s)

    return check


def _has_left(connection: socket) -> bool:
    """Tell whether the other end was closed, without reading what may have come from it."""
    watch = select.poll()
    watch.register(connection, select.POLLRDHUP)
    return bool(watch.poll(0))
