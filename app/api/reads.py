"""Limits of requests that read the lake: how many, how long, and only while the client waits."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from time import monotonic
from typing import Final, ParamSpec, Protocol, TypeVar

from flask import Response, request

from app.api.guards import current_guards
from app.api.limits import charging, holding_place
from app.services import current_services
from catalog.checkpoints import Check, checked
from catalog.errors import Abandoned, Invalid

CLIENT: Final = "chatlake.client"
"""Key of a WSGI environment: the `ClientPresence` of the request, if the server knows it."""

P = ParamSpec("P")
T = TypeVar("T")


class ClientPresence(Protocol):
    """The client's end of a connection."""

    @property
    def has_left(self) -> bool:
        """Whether the client has closed the connection, or its sending side."""

    def fileno(self) -> int:
        """Return the file descriptor of the connection, to wait for its end with `poll`."""


class ReadTimeout(Invalid):
    """A read of the lake took longer than a setting allows.

    Attributes:
        limit: The name of the setting.
        timeout_s: The value of the setting, in seconds.
    """

    def __init__(self, limit: str, timeout_s: float) -> None:
        super().__init__(
            f"no answer was found within {limit} = {timeout_s:g} s; "
            "select less, such as fewer days, or ask for a stream"
        )
        self.limit = limit
        self.timeout_s = timeout_s


class ClientLeft(Abandoned):
    """The client closed its connection, or its sending side, before the answer was ready."""

    def __init__(self) -> None:
        super().__init__("the client left before its request was answered")


def reads_lake(view: Callable[P, T]) -> Callable[P, T]:
    """Decorate a view that reads the lake with the limits of reads.

    The view takes one of the client's places for reads, and one of the worker's. When it returns a
    response, the places are taken until the response was sent. The view must end within
    `read_timeout_s`. It is stopped at its next checkpoint when the time is over or the client has
    left.

    The decorated view raises:
        TooManyAtOnce: No place of the client is left.
        WorkerBusy: No place of the worker is left.
        ReadTimeout: The view took too long.
        ClientLeft: The client left.
    """

    @wraps(view)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        timeout_s = current_services().settings.read_timeout_s
        with ExitStack() as place:
            place.enter_context(holding_place())
            place.enter_context(current_guards().reads.holding())
            with charging(), checked(still_wanted("read_timeout_s", timeout_s)):
                answer = view(*args, **kwargs)
            if isinstance(answer, Response):
                answer.call_on_close(place.pop_all().close)
            return answer

    return limited


def still_wanted(limit: str, timeout_s: float) -> Check:
    """Return a check that fails once the current request's answer is no longer wanted.

    Args:
        limit: The name of the setting that gives the timeout.
        timeout_s: The time from now for which the answer is wanted, in seconds.

    The check raises:
        ReadTimeout: The time is over.
        ClientLeft: The client left.
    """
    deadline = monotonic() + timeout_s
    client = current_client()

    def check() -> None:
        if client and client.has_left:
            raise ClientLeft
        if monotonic() > deadline:
            raise ReadTimeout(limit, timeout_s)

    return check


def current_client() -> ClientPresence | None:
    """Return the client of the current request; None when the server doesn't know it."""
    client: ClientPresence | None = request.environ.get(CLIENT)
    return client
