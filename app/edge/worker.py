"""gunicorn's threaded worker, without the ways in which a few clients hold all of it up.

- gunicorn closes connections on the thread that accepts them, and waits there for up to two seconds
  for each client to close its end too. Here such connections wait beside the idle ones.
- gunicorn's threads wait five seconds for a request, or for the rest of a body that nobody reads.
  Here such connections, too, soon wait beside the idle ones.
- A thread that sends an answer waits for as long as the client keeps reading a little. Here a
  client has to read at some pace.
"""

import struct
import termios
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from fcntl import ioctl
from functools import partial
from selectors import EVENT_READ
from socket import IPPROTO_TCP, SHUT_RDWR, SHUT_WR, SO_LINGER, SOL_SOCKET, TCP_INFO, socket
from time import monotonic
from typing import Any, Final

from gunicorn.http.message import Request
from gunicorn.workers import gthread
from gunicorn.workers.gthread import TConn, ThreadWorker

_DATA_WAIT_S: Final = 0.05
_LOOK_S: Final = 1.0
"""How often the worker looks at the answers that are being sent."""
_PIECE_BYTES: Final = 64 * 1024
_BYTES_ACKED: Final = struct.Struct("120xQ")
"""Where `struct tcp_info` of linux/tcp.h has `tcpi_bytes_acked`, since Linux 4.1."""
_INT: Final = struct.Struct("i")
_RESET: Final = struct.pack("ii", 1, 0)
"""See socket(7), SO_LINGER: what wasn't sent is dropped, and the client sees a reset connection."""

# It is read at each use, and can't be configured.
gthread.DEFAULT_WORKER_DATA_TIMEOUT = _DATA_WAIT_S  # type: ignore[misc]  # Final to its stubs


@dataclass(slots=True, eq=False)
class _Answer:
    """An answer that may be on its way, and how fast its client takes it.

    Attributes:
        since: When the present observation began, in `monotonic`'s time.
        first_bytes: What the client had taken from the connection by then.
        taken_bytes: What it has taken by the last look.
    """

    since: float = 0.0
    first_bytes: int = 0
    taken_bytes: int = 0

    def is_waiting(self, sock: socket, now: float) -> bool:
        """Look, and tell whether the client was waited for at every look since `since`."""
        info = sock.getsockopt(IPPROTO_TCP, TCP_INFO, _BYTES_ACKED.size)
        (self.taken_bytes,) = _BYTES_ACKED.unpack(info)
        (queued_bytes,) = _INT.unpack(ioctl(sock, termios.TIOCOUTQ, bytes(_INT.size)))
        if queued_bytes and self.since:
            return True
        self.observe_anew(now)
        return False

    def observe_anew(self, now: float) -> None:
        """Begin another observation."""
        self.since, self.first_bytes = now, self.taken_bytes

    def bytes_per_s(self, now: float) -> float:
        """Return the pace of the present observation."""
        return (self.taken_bytes - self.first_bytes) / (now - self.since)


class Worker(ThreadWorker):
    """A worker whose threads are there for clients that send, read and leave at some pace.

    Attributes:
        min_send_bytes_per_s: The pace at which a client has to read an answer.
        pace_period_s: The time over which the pace is taken.
        max_slow_answers: How many answers may wait for their clients at once. Of more, the slowest
            are cut off.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.min_send_bytes_per_s = 0
        self.pace_period_s = 0
        self.max_slow_answers: int = self.cfg.threads
        self._answers: dict[socket, _Answer] = {}
        self._next_look = 0.0

    def handle_request(self, req: Request, conn: TConn) -> bool:
        """Answer a request, in a thread of the pool."""
        self._answers[conn.sock] = _Answer()
        try:
            return super().handle_request(req, conn)
        finally:
            del self._answers[conn.sock]

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Go on with a connection after a request, on the accepting thread."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def murder_pending(self) -> None:
        """Close connections whose time is over, at each turn of the accepting thread."""
        super().murder_pending()
        now = monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_S
            self._cut_off_slow_readers(now)

    def _linger(self, conn: TConn) -> None:
        """Close a connection once its client has, or soon: RFC 9112, section 9.6.

        What still comes is discarded. Left unread it would reset the connection, and the client
        might lose the end of its answer.
        """
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._discard, conn))
        except (OSError, ValueError):  # the client or a failed answer has closed it
            self._let_go(conn)
            return
        # As long as any connection without a request: they are in the order of their timeouts.
        conn.set_timeout()
        self.pending_conns.append(conn)

    def _discard(self, conn: TConn, sock: socket) -> None:
        try:
            is_over = not sock.recv(_PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            is_over = True
        if is_over:
            self.poller.unregister(sock)
            self.pending_conns.remove(conn)
            self._let_go(conn)

    def _let_go(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    def _cut_off_slow_readers(self, now: float) -> None:
        waiting = []
        for sock, answer in list(self._answers.items()):
            with suppress(OSError):  # it was closed meanwhile
                if answer.is_waiting(sock, now):
                    waiting.append((answer.bytes_per_s(now), sock, answer))
        waiting.sort(key=lambda each: each[0])
        excess = len(waiting) - self.max_slow_answers
        for place, (bytes_per_s, sock, answer) in enumerate(waiting):
            is_judged = now - answer.since >= self.pace_period_s
            if place < excess or (is_judged and bytes_per_s < self.min_send_bytes_per_s):
                self.log.info("cut off a client that read %.0f bytes/s", bytes_per_s)
                _reset(sock)
            elif is_judged:
                answer.observe_anew(now)


def _reset(sock: socket) -> None:
    """End the connection, and with it the call of the thread that sends."""
    with suppress(OSError):  # it was closed meanwhile
        sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        sock.shutdown(SHUT_RDWR)
