"""HTTP connections: uvicorn's protocol, with limits and deadlines for clients.

uvicorn waits without limit for the head of a request and for a client that doesn't read, takes a
head of any size, and answers a malformed one with plain text. It closes a connection without an
answer when its client says that it will send no more, though the client may still want its answer.
"""

import logging
from asyncio import TimerHandle
from collections.abc import Callable
from http import HTTPStatus
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from typing import Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

from app.api.reads import CLIENT
from app.edge.connections.answer_bytes import refusal
from app.edge.connections.client import ClientConnection
from app.edge.connections.closing import LingeringTransport
from app.edge.connections.cycles import Application, Cycle, CycleWithoutChunks
from app.edge.connections.heads import MAX_HEAD_BYTES, checked_size, without_upgrade
from app.edge.connections.reading_pace import ReadingPace
from app.settings import Settings

Take = Callable[[Cycle, Callable[[Cycle, Application], None]], bool]
"""See `app.edge.application.Edge.take`."""

_RESET: Final = pack("ii", 1, 0)
"""See socket(7), SO_LINGER: what wasn't sent is dropped, and the client sees a reset connection."""

log = logging.getLogger(__name__)


class Protocol(HttpToolsProtocol):
    """One connection.

    A connection is idle when no request is being answered. While it is, the client has
    `idle_timeout_s` to send the head of a request, or the rest of a body that was refused early.
    One connection more than `max_connections` ends the one that has been idle for the longest time.
    That is the new one when requests are being answered on all others.

    A client that has much to read has to read at `min_send_bytes_per_s`, which is looked at every
    `idle_timeout_s`.

    Attributes:
        is_in_body: Whether the head of a request has come, and not yet all of its body.
    """

    transport: Any

    def __init__(
        self,
        settings: Settings,
        idle: dict["Protocol", None],
        take: Take,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Prepare for a connection.

        Args:
            settings: The settings.
            idle: The worker's idle connections, as keys, longest idle first.
            take: Answers requests that have come whole, if they need no task of ASGI.
            args: Arguments of uvicorn's protocol.
            kwargs: Further arguments of uvicorn's protocol, by name.
        """
        super().__init__(*args, **kwargs)
        self.timeout_keep_alive = settings.idle_timeout_s
        self._settings = settings
        self._idle = idle
        self._take = take

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        lingering: Any = LingeringTransport(transport, lambda: self._is_client_sending)
        super().connection_made(lingering)
        self._client = ClientConnection(self)
        self._unused_bytes = 0
        self._answered_at = 0.0
        self._is_in_head = self.is_in_body = self._has_ended = self._is_parsing = False
        self._parsed: tuple[RequestResponseCycle, Any] | None = None
        self._deadline: TimerHandle | None = None
        self._reading = ReadingPace(self, self._settings)
        self._await_client()
        self._idle[self] = None
        if len(self.connections) > self._settings.max_connections:
            next(iter(self._idle)).cut_off()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that the client has left."""
        self._client.has_left = self._client.is_gone = True
        self._idle.pop(self, None)
        self._stop_waiting()
        self.resume_writing()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio allows it
        """Answer what was asked, if it was asked completely, before the connection is closed.

        Returns:
            Whether the connection stays open for the answer.
        """
        self._has_ended = True
        if self._is_idle and self._is_in_head and not self.transport.is_closing():
            self._refuse(HTTPStatus.BAD_REQUEST, "the request broke off")
        self._expect_no_more()
        return not self._is_idle

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self.transport.is_closing():
            return
        self._unused_bytes += len(data)
        is_malformed = not self._parse(data)
        if self._parsed is not None:
            parsed, self._parsed = self._parsed, None
            self._start_asgi_task(*parsed)
        if self._unused_bytes > MAX_HEAD_BYTES:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._refuse_input(status, f"the headers exceed {MAX_HEAD_BYTES} bytes")
        elif is_malformed:
            self._refuse_input(HTTPStatus.BAD_REQUEST, "the request is malformed HTTP")
        if self._is_idle and not self.transport.is_closing():
            self._await_client()

    def on_message_begin(self) -> None:
        """Let the request know its client."""
        super().on_message_begin()
        self.scope["state"][CLIENT] = self._client
        self._is_in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of a head, and drop one after a body: RFC 9110, section 6.5.1.

        uvicorn adds those to the head, where a client could name another address than its own,
        since not every proxy looks at them.
        """
        if not self.is_in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer a request."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            return  # it is parsed again without its offer of another protocol
        version = self.parser.get_http_version()
        # Of a head that came at once, nothing was counted before.
        self._unused_bytes = checked_size(self.url, self.headers, version)
        if self._unused_bytes > MAX_HEAD_BYTES:
            raise ValueError("a long head")
        self._unused_bytes = 0
        self._is_in_head, self.is_in_body = False, True
        self._idle.pop(self, None)
        self._stop_waiting()
        super().on_headers_complete()
        self.cycle.__class__ = CycleWithoutChunks if version == "1.0" else Cycle

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._unused_bytes = 0
        if not self.cycle.body:
            # The part as it is: uvicorn would copy it into a bytearray, and that into a message.
            self.cycle.body = b""  # type: ignore[assignment]  # bytes serve as well
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the head of the next request."""
        if self.parser.should_upgrade():
            return
        self._unused_bytes = 0
        self.is_in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the client to read the rest of the last answer."""
        self.server_state.total_requests += 1
        is_closing = self.transport.is_closing()
        if not is_closing:
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self._answered_at = self.loop.time()
                if self.timeout_keep_alive_task is None:
                    self._keep_alive_for(self.timeout_keep_alive)
        if self._is_idle:
            self._idle[self] = None
        if not self.pipeline and (is_closing or self.is_in_body):
            self._await_client()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that wasn't used for a while, once its client has read everything.

        uvicorn sets the timer for each answer and cancels it for each request. Here it goes on, and
        looks at its end whether there were requests meanwhile.
        """
        self.timeout_keep_alive_task = None
        if not self._is_idle or self._deadline is not None:
            return  # the next answer, or the deadline, takes care of the connection
        left_s = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._keep_alive_for(left_s)
        elif self.transport.get_write_buffer_size():
            self._await_client()
        else:
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        """Have the answer wait for the client, and the client read what was sent."""
        super().pause_writing()
        self._reading.watch()

    def resume_writing(self) -> None:
        """Go on with the answer."""
        super().resume_writing()
        self._reading.stop()

    def shutdown(self) -> None:
        """Close the connection, after the request that is being answered."""
        # What an idle client is still sending is awaited no longer.
        self._has_ended = self._has_ended or self._is_idle
        super().shutdown()

    def fileno(self) -> int:
        """Return the file descriptor of the connection; -1 when it is closed."""
        sock = self.transport.get_extra_info("socket")
        return sock.fileno() if sock else -1

    def cut_off(self) -> None:
        """End the connection at once; what was sent and not read yet is lost."""
        self._idle.pop(self, None)
        if self._client.is_gone:
            return
        # Otherwise an answer without a length would seem to be complete.
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        # At once for the request too, which asyncio tells of a lost connection only later.
        self._client.has_left = self._client.is_gone = True
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.abort()

    @property
    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or (cycle.response_complete and not self.pipeline)

    @property
    def _is_client_sending(self) -> bool:
        return (self._is_in_head or self.is_in_body) and not self._has_ended

    def _parse(self, data: bytes) -> bool:
        """Parse what has come, and tell whether it is well-formed."""
        self._is_parsing = True
        try:
            while data:
                try:
                    self.parser.feed_data(data)
                    break
                except HttpParserUpgrade as offer:
                    data = self._without_offer(data[offer.args[0] :])
        except HttpParserError:
            return False
        finally:
            self._is_parsing = False
        return True

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Answer a request once what has come of it is parsed, which may be all of it."""
        if self._is_parsing:
            self._parsed = cycle, app
            return
        if cycle.more_body or not self._take(cycle, self._start):
            self._start(cycle, app)

    def _start(self, cycle: Any, app: Application) -> None:
        """Have an application answer a request in a task of ASGI."""
        super()._start_asgi_task(cycle, app)

    def _without_offer(self, rest: bytes) -> bytes:
        """Return what is to be parsed in place of a request that offers another protocol.

        That is the same request without the offer, which is ignored: RFC 9110, section 7.8. Java's
        clients offer HTTP/2 in this way. The parser would leave the body to the other protocol.
        """
        line = (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        head = without_upgrade(line, self.headers)
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return head + rest

    def _keep_alive_for(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _await_client(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self._settings.idle_timeout_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        is_over = self.transport.is_closing() or self.is_in_body
        if is_over or self.transport.get_write_buffer_size():
            self.transport.abort()
        elif self._is_in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the request didn't come in time")
        else:
            self.transport.close()

    def _expect_no_more(self) -> None:
        """Let requests end that wait for more of their bodies, and close after the last answer."""
        self._client.has_left = True
        cycles = [cycle for cycle, _ in self.pipeline]
        if self.cycle is not None:
            cycles.append(self.cycle)
        for cycle in cycles:
            cycle.keep_alive = False
            cycle.message_event.set()

    def _refuse_input(self, status: HTTPStatus, message: str) -> None:
        """Take nothing more from the client, and say why unless an earlier answer is under way."""
        log.warning("refused what came from %s: %s", self.client and self.client[0], message)
        if self._is_idle:
            self._refuse(status, message)
        else:
            self.flow.pause_reading()
            self._expect_no_more()

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer a request that has no complete head, and close the connection."""
        self.transport.write(refusal(status, message))
        self.transport.close()
        self._stop_waiting()
        self._await_client()
