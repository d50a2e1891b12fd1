"""Requests as the event loop sees them: their headers, and their bodies as they arrive."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, Final

from app.access.credentials import Credentials, credentials_of
from app.access.limits.limiter import Meter
from app.access.permissions.keys import ApiKey
from app.api.body import BROKEN_OFF, TOO_SHORT
from app.api.limits import METER
from app.api.observation import REQUEST_ID_HEADER
from app.api.reads import CLIENT
from app.edge.connections.client import ClientConnection
from app.edge.connections.cycles import WHOLE_ANSWER
from app.ingest.errors import BodyTimeout, MalformedBody
from app.telemetry.logs import RequestId

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

REQUEST_ID: Final = REQUEST_ID_HEADER.lower().encode()
_CLOSE: Final = (b"connection", b"close")


View = Callable[["Request"], Awaitable[None]]
"""Answers a request, or raises what was wrong."""


class ClientGone(Exception):  # nobody is there to be told of an error
    """The connection was closed before the request was complete."""


class Request:
    """One request.

    Attributes:
        scope: The scope of the request, as ASGI defines it.
        method: The method.
        path: The path, decoded.
        headers: The headers by their names in lower case; values of one name are joined by commas.
        id: The id of the request.
        client: The client's end of the connection.
        started: When the request came, in `perf_counter`'s time.
        is_answered: Whether an answer has begun.
        api_key: The valid API key of the request; None without one, or while it wasn't checked.
        held_bytes: The part of the worker's memory for bodies that this request holds.
    """

    __slots__ = (
        "_is_body_wanted",
        "_receive",
        "_send",
        "api_key",
        "client",
        "headers",
        "held_bytes",
        "id",
        "is_answered",
        "method",
        "path",
        "scope",
        "started",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.started = perf_counter()
        self.is_answered = False
        self.method: str = scope["method"]
        # As Werkzeug routes it: `//v1/stats` has the view of `/v1/stats`, and so its limit.
        self.path = f"/{scope['path'].lstrip('/')}"
        self.headers = _by_name(scope["headers"])
        self.id = RequestId(self.header(REQUEST_ID))
        self.client: ClientConnection = scope["state"][CLIENT]
        self.held_bytes = 0
        self.api_key: ApiKey | None = None
        self._is_body_wanted = False
        self._receive = receive
        self._send = send

    def credentials(self) -> Credentials:
        """Return who sends the request.

        Raises:
            ContributorKeyMalformed: It has a contributor key that isn't one.
        """
        return credentials_of(self.header(b"authorization"), self.api_key)

    @property
    def meter(self) -> Meter | None:
        """What takes from the client's limits; None when nothing is to be taken."""
        meter: Meter | None = self.scope["state"].get(METER)
        return meter

    def header(self, name: bytes) -> str | None:
        """Return the value of a header, or None without one."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    async def pieces(self, timeout_s: float, idle_timeout_s: float) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, in pieces of up to some hundred KiB.

        Args:
            timeout_s: How long all of it may take, in seconds.
            idle_timeout_s: How long the client may send nothing, in seconds.

        Raises:
            BodyTimeout: The client took longer.
            MalformedBody: The client closed its sending side too early.
            ClientGone: The connection was closed.
        """
        self._is_body_wanted = True
        deadline = asyncio.get_running_loop().time() + timeout_s
        more = True
        while more:
            message = await self._next(deadline, timeout_s, idle_timeout_s)
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            piece: bytes = message.get("body", b"")
            if piece:
                yield piece

    async def _next(self, deadline: float, timeout_s: float, idle_timeout_s: float) -> Message:
        """Return the next message, and wait for it if some of the body is still to come."""
        if not self.client.is_sending_body:
            return await self._receive()
        now = asyncio.get_running_loop().time()
        # Of those who send no more, all that came is there already.
        is_over = self.client.has_left
        limit = now if is_over else min(deadline, now + idle_timeout_s)
        try:
            async with asyncio.timeout_at(limit):
                return await self._receive()
        except TimeoutError:
            if is_over:
                has_length = b"content-length" in self.headers
                raise MalformedBody(TOO_SHORT if has_length else BROKEN_OFF) from None
            raise BodyTimeout(timeout_s if limit == deadline else idle_timeout_s) from None

    async def respond(self, status: int, head: bytes, body: bytes) -> None:
        """Send a whole answer, once the request was read.

        Args:
            status: The status code.
            head: The lines of the head with the body's length, each with its end.
            body: The body.
        """
        self.is_answered = True
        await self._send({"type": WHOLE_ANSWER, "status": status, "head": head, "body": body})

    async def begin(self, status: int, headers: Headers) -> None:
        """Send the head of an answer."""
        self.is_answered = True
        if b"expect" in self.headers and not self._is_body_wanted:
            # Whether the client sends the body that nobody asked for can't be told.
            headers = [*headers, _CLOSE]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def send_body(self, part: bytes) -> None:
        """Send a part of the body."""
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def end(self, part: bytes) -> None:
        """Send the last part of the body."""
        await self._send({"type": "http.response.body", "body": part})


def _by_name(headers: Headers) -> dict[bytes, bytes]:
    by_name = dict(headers)
    if len(by_name) < len(headers):
        by_name = {}
        for name, value in headers:
            by_name[name] = by_name[name] + b"," + value if name in by_name else value
    return by_name
