"""gunicorn's threaded worker, changed so that a few slow clients can't hold up all of its threads.

- gunicorn closes connections on the thread that accepts them, and waits there for up to two seconds
  for each client to close its end too. Here such connections wait beside the idle ones.
- gunicorn's threads wait five seconds for a request, or for the rest of a body that no view reads.
  Here such connections also join the idle ones, after a short wait.
- A thread that sends an answer waits for as long as the client reads anything at all. Here a
  client has to read at a minimum pace.
"""

import struct
import termios
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from fcntl import ioctl
from functools import partial
from operator import itemgetter
from selectors import EVENT_READ
from socket import IPPROTO_TCP, SHUT_RDWR, SHUT_WR, SO_LINGER, SOL_SOCKET, TCP_INFO, socket
from time import monotonic
from types import FrameType
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

# gunicorn has no setting for this timeout, and reads it at each use.
gthread.DEFAULT_WORKER_DATA_TIMEOUT = _DATA_WAIT_S  # type: ignore[misc]  # Final to its stubs


@dataclass(slots=True, eq=False)
class _Transfer:
    """The sending of one answer, and how fast the client reads it.

    Attributes:
        since: When the current measurement began, in `monotonic`'s time; 0 before the first one.
        first_bytes: The bytes that the client had acknowledged by then.
        taken_bytes: The bytes that the client had acknowledged at the last look.
    """

    since: float = 0.0
    first_bytes: int = 0
    taken_bytes: int = 0

    def is_waiting(self, sock: socket, now: float) -> bool:
        """Look at the connection; tell whether bytes were queued at every look since `since`."""
        info = sock.getsockopt(IPPROTO_TCP, TCP_INFO, _BYTES_ACKED.size)
        (self.taken_bytes,) = _BYTES_ACKED.unpack(info)
        (queued_bytes,) = _INT.unpack(ioctl(sock, termios.TIOCOUTQ, bytes(_INT.size)))
        if queued_bytes and self.since:
            return True
        self.measure_anew(now)
        return False

    def measure_anew(self, now: float) -> None:
        """Begin a new measurement."""
        self.since, self.first_bytes = now, self.taken_bytes

    def bytes_per_s(self, now: float) -> float:
        """Return the client's pace during the current measurement."""
        return (self.taken_bytes - self.first_bytes) / (now - self.since)


class Worker(ThreadWorker):
    """A threaded worker that frees its threads of slow clients.

    Attributes:
        min_send_bytes_per_s: The minimum pace at which a client has to read an answer.
        pace_period_s: The time over which the pace is measured, in seconds.
        max_slow_answers: How many answers may wait for their clients at once. Beyond this number,
            the slowest are cut off.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.min_send_bytes_per_s = 0
        self.pace_period_s = 0
        self.max_slow_answers: int = self.cfg.threads
        self._transfers: dict[socket, _Transfer] = {}
        self._next_look = 0.0

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """End at once, on SIGINT or SIGQUIT.

        gunicorn's own handler also shuts the thread pool down, for which it takes the pool's lock.
        The signal may interrupt this thread where it holds that lock, and on Ctrl-C a second
        signal may interrupt the handler itself: either way the worker would wait for itself.
        """
        if self.alive:
            super(ThreadWorker, self).handle_quit(sig, frame)

    def handle_request(self, req: Request, conn: TConn) -> bool:
        """Answer a request; called in a thread of the pool."""
        self._transfers[conn.sock] = _Transfer()
        try:
            return super().handle_request(req, conn)
        finally:
            del self._transfers[conn.sock]

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Keep or close a connection after a request; called on the accepting thread."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self._linger(conn)

    def murder_pending(self) -> None:
        """Close connections whose time is over; called in the loop of the accepting thread."""
        super().murder_pending()
        now = monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_S
            self._cut_off_slow_readers(now)

    def _linger(self, conn: TConn) -> None:
        """Close a connection after its client has closed it, or soon: RFC 9112, section 9.6.

        What the client still sends is discarded. Unread bytes would reset the connection, and the
        client might lose the end of its answer.
        """
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._discard, conn))
        except (OSError, ValueError):  # the client or a failed answer has closed it already
            self._let_go(conn)
            return
        # The timeout of idle connections, because `pending_conns` is in the order of timeouts.
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
        for sock, transfer in list(self._transfers.items()):
            with suppress(OSError):  # the connection was closed meanwhile
                if transfer.is_waiting(sock, now):
                    waiting.append((transfer.bytes_per_s(now), sock, transfer))
        waiting.sort(key=itemgetter(0))
        excess = len(waiting) - self.max_slow_answers
        for place, (bytes_per_s, sock, transfer) in enumerate(waiting):
            is_measured = now - transfer.since >= self.pace_period_s
            if place < excess or (is_measured and bytes_per_s < self.min_send_bytes_per_s):
                self.log.info("cut off a client that read %.0f bytes/s", bytes_per_s)
                _reset(sock)
            elif is_measured:
                transfer.measure_anew(now)


def _reset(sock: socket) -> None:
    """Reset a connection, which ends the call of the thread that is sending."""
    with suppress(OSError):  # the connection was closed meanwhile
        sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        sock.shutdown(SHUT_RDWR)
