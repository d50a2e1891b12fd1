"""A TCP proxy before a server, which cuts connections when a test tells it to."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from tests.servers.process import HOST

_CHUNK_BYTES: Final = 65_536
_END_TIMEOUT_S: Final = 10.0

Watch = Callable[[bytes, socket.socket], bool]
"""Handles data that a client sent, given the data and the socket to the server.

It returns True to cut the connection.
"""


def pass_on(data: bytes, server: socket.socket) -> bool:
    """Pass data of a client on to the server."""
    server.sendall(data)
    return False


class Proxy:
    """Passes connections on to a port of the loopback interface."""

    def __init__(self, target: int, watch: Watch = pass_on) -> None:
        """Prepare a proxy, which runs within its `with` block.

        Args:
            target: The server's port on the loopback interface.
            watch: Handles the data that clients send.
        """
        self._target = target
        self._watch = watch
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._door = threading.Event()
        self._door.set()
        self._answer = b""
        self.refused = 0
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing the socket alone doesn't wake the thread that waits for connections.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(_END_TIMEOUT_S)
        self.cut()

    def cut(self) -> None:
        """Cut every connection."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            _shut(pair)

    def close_door(self, answer: bytes = b"") -> None:
        """Cut every connection, and refuse new ones.

        Args:
            answer: What new connections are answered before they are closed.
        """
        self._answer = answer
        self._door.clear()
        self.cut()

    def open_door(self) -> None:
        """Pass new connections on again."""
        self._door.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if not self._door.is_set():
                self._refuse(client)
                return
            with socket.create_connection((HOST, self._target)) as server:
                self._connect(client, server)

    def _refuse(self, client: socket.socket) -> None:
        self.refused += 1
        if self._answer and client.recv(_CHUNK_BYTES):
            client.sendall(self._answer)
            client.shutdown(socket.SHUT_WR)
            while client.recv(_CHUNK_BYTES):
                pass

    def _connect(self, client: socket.socket, server: socket.socket) -> None:
        pair = (client, server)
        with self._lock:
            self._pairs.add(pair)
        try:
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            self._watch_requests(client, server)
            _shut(pair)
            back.join()
        finally:
            with self._lock:
                self._pairs.discard(pair)

    def _watch_requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK_BYTES):
                if self._watch(data, server):
                    return


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK_BYTES):
            target.sendall(data)
    _shut((source, target))


def _shut(pair: tuple[socket.socket, socket.socket]) -> None:
    for end in pair:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
