"""Attacks a server by reading, and measures how other clients are served meanwhile.

Run `python -m tests.faults.hostile_readers --attack NAME`, and add `--nginx` to run behind nginx:

- `abandoned_scans`: searches of the whole lake, whose clients leave after half a second;
- `slow_pages`: pages of some megabytes, read at a few kilobytes a second;
- `stopped_readers`: exports of the whole lake, whose clients stop reading at once;
- `expensive_reads`: exports, statistics, diffs and queries in SQL, several at a time;
- `lingering`: short requests whose clients keep the connection open after the answer.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import monotonic
from typing import Any, Final

import click
import requests

from tests.factories import make_submission
from tests.faults.nginx import proxied
from tests.functional.server import Server, eventually

LOOPBACK: Final = "127.0.0.1"
ATTACKER: Final = "127.0.0.2"
"""Another address than that of the honest clients, since nginx limits each address."""
CONNECT_TIMEOUT_S: Final = 3.0
HONEST_TIMEOUT_S: Final = 30.0
HONEST_PAUSE_S: Final = 0.05
LEAST_ROUNDS: Final = 7
"""So many times an honest client asks at least, however long it waits: one answer tells little."""
ABANDONED_SCANS: Final = 64
LEAVE_S: Final = 0.5
SLOW_READERS: Final = 40
READ_PAUSE_S: Final = 2.0
PIECE_BYTES: Final = 4096
STOPPED_READERS: Final = 200
EXPENSIVE_READERS: Final = 8
READ_TIMEOUT_S: Final = 60.0
LINGER_PAUSE_S: Final = 0.5
UPLOAD_ROWS: Final = 50_000
TEXT: Final = "What a lake holds, and what it gives back to those who ask. " * 6
LARGE_TEXT: Final = "A page of some megabytes. " * 8_000
LARGE_ROWS: Final = 20
SCAN: Final = "/v1/contributions?q=zzzqqq"
LARGE_PAGE: Final = f"/v1/contributions?sort=-received_at&limit={LARGE_ROWS}"
"""Four megabytes of JSON."""

NDJSON: Final = {"Accept": "application/x-ndjson"}
QUERY: Final = {"query": "SELECT content, count(*) FROM turns GROUP BY ALL ORDER BY 2 DESC"}
EXPENSIVE: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("GET", "/v1/contributions", {"headers": NDJSON}),
    ("GET", "/v1/stats?by=day,source,contributor_id", {}),
    ("GET", "/v1/snapshots/as_of:2020-01-01T00:00:00Z/diff/now", {"headers": NDJSON}),
    ("POST", "/v1/sql", {"json": QUERY}),
)
"""Method and path of each expensive read, and what `requests` sends with it."""


@dataclass
class HonestClients:
    """Clients that check the health and submit alternately, and how they were served.

    Attributes:
        health_s: Time of each health check; the client's timeout when no answer came.
        ingest_s: Time of each submission; the client's timeout when no answer came.
        failed: Number of answers that didn't come in time, or weren't 200.
        killed_workers: Number of workers that gunicorn killed for missing their heartbeat.
    """

    health_s: list[float] = field(default_factory=list)
    ingest_s: list[float] = field(default_factory=list)
    failed: int = 0
    killed_workers: int = 0

    def __str__(self) -> str:
        return (
            f"health {_told(self.health_s)}; ingest {_told(self.ingest_s)}; "
            f"failed {self.failed}, workers killed {self.killed_workers}"
        )

    def watch(self, port: int, duration_s: float) -> None:
        """Check the health and submit for a duration or more, each time on a new connection."""
        url, pause, deadline = f"http://{LOOPBACK}:{port}/v1", Event(), monotonic() + duration_s
        for number in count():
            if number >= LEAST_ROUNDS and monotonic() > deadline:
                return
            self.health_s.append(self._timed(requests.get, f"{url}/health/"))
            submission = make_submission(f"honest {number}")
            self.ingest_s.append(self._timed(requests.post, f"{url}/ingest/chat", json=submission))
            pause.wait(HONEST_PAUSE_S)

    def _timed(self, ask: Callable[..., requests.Response], url: str, **body: object) -> float:
        started = monotonic()
        try:
            is_answered = ask(url, timeout=HONEST_TIMEOUT_S, **body).ok
        except requests.RequestException:
            is_answered = False
        self.failed += not is_answered
        return monotonic() - started if is_answered else HONEST_TIMEOUT_S


def _told(seconds: list[float]) -> str:
    p99 = quantiles(seconds, n=100)[-1] if len(seconds) > 1 else float("inf")
    middle = median(seconds) if seconds else float("inf")
    return f"{len(seconds)} answers, median {middle * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms"


def abandon_scans(port: int, over: Event) -> None:
    """Start searches that find nothing, and leave shortly afterwards."""
    left = [_ask(port, SCAN) for _ in range(ABANDONED_SCANS)]
    over.wait(LEAVE_S)
    for connection in left:
        connection.close()
    over.wait()


def read_slowly(port: int, over: Event) -> None:
    """Read pages slowly; begin another one when the server has cut one off."""
    readers: list[socket.socket | None] = [None] * SLOW_READERS
    while not over.is_set():
        for number, reader in enumerate(readers):
            if over.is_set():
                break
            readers[number] = _read_a_little(reader) or _begin(port)
        over.wait(READ_PAUSE_S)
    for reader in readers:
        if reader:
            reader.close()


def stop_reading(port: int, over: Event) -> None:
    """Ask for exports, and read nothing of them."""
    head = "Accept: application/x-ndjson"
    stopped = [_ask(port, "/v1/contributions", head) for _ in range(STOPPED_READERS)]
    over.wait()
    for connection in stopped:
        connection.close()


def read_much(port: int, over: Event) -> None:
    """Do expensive reads, each to its end, and each kind again and again."""

    def read(kind: int) -> None:
        method, path, more = EXPENSIVE[kind % len(EXPENSIVE)]
        url = f"http://{LOOPBACK}:{port}{path}"
        ask = partial(requests.request, method, url, timeout=READ_TIMEOUT_S, stream=True, **more)
        while not over.is_set():
            with suppress(requests.RequestException), ask() as answer:
                for _ in answer.iter_content(1024 * 1024):
                    if over.is_set():
                        return
            # Those who are refused don't come again at once, which would measure refusals alone.
            over.wait(HONEST_PAUSE_S)

    with ThreadPoolExecutor(EXPENSIVE_READERS) as readers:
        readers.map(read, range(EXPENSIVE_READERS))


def linger(port: int, over: Event) -> None:
    """Send short requests, and keep the connections open after their answers."""
    kept = []
    while not over.wait(LINGER_PAUSE_S):
        with suppress(OSError):
            kept.append(_ask(port, "/v1/health/", "Connection: close"))
    for connection in kept:
        connection.close()


ATTACKS: Final[dict[str, Callable[[int, Event], None]]] = {
    "abandoned_scans": abandon_scans,
    "slow_pages": read_slowly,
    "stopped_readers": stop_reading,
    "expensive_reads": read_much,
    "lingering": linger,
}


def _begin(port: int) -> socket.socket | None:
    with suppress(OSError):
        connection = _ask(port, LARGE_PAGE)
        connection.setblocking(False)
        return connection
    return None


def _read_a_little(connection: socket.socket | None) -> socket.socket | None:
    """Read from a connection once; return it, or None if it has ended."""
    if connection is None:
        return None
    try:
        if connection.recv(PIECE_BYTES):
            return connection
    except BlockingIOError:
        return connection
    except OSError:
        pass
    connection.close()
    return None


def _ask(port: int, path: str, *headers: str) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE_BYTES)
    connection.settimeout(CONNECT_TIMEOUT_S)
    connection.bind((ATTACKER, 0))
    connection.connect((LOOPBACK, port))
    lines = (f"GET {path} HTTP/1.1", "Host: lake", *headers, "", "")
    connection.sendall("\r\n".join(lines).encode())
    return connection


@contextmanager
def filled_server(home: Path, rows: int) -> Iterator[Server]:
    """Run a server within the block whose lake has a number of rows, and some large ones after."""
    with Server(home) as server:
        for first in range(0, rows, UPLOAD_ROWS):
            _upload(server, (TEXT,) * min(UPLOAD_ROWS, rows - first))
        eventually("the rows are committed", lambda: server.count() == rows)
        _upload(server, (LARGE_TEXT,) * LARGE_ROWS)
        eventually("the large ones are too", lambda: server.count() == rows + LARGE_ROWS)
        yield server


def _upload(server: Server, texts: tuple[str, ...]) -> None:
    lines = (json.dumps(make_submission(f"{number} {text}")) for number, text in enumerate(texts))
    answer = requests.post(
        f"{server.url}/v1/ingest/chats",
        data="\n".join(lines).encode(),
        headers={"Content-Type": "application/x-ndjson"},
        timeout=600,
    )
    assert answer.status_code == 200, answer.text


def attack(server: Server, port: int, name: str, duration_s: float) -> HonestClients:
    """Attack a port of a server for a duration, and return how honest clients were served."""
    honest, over = HonestClients(), Event()
    attackers = Thread(target=ATTACKS[name], args=(port, over))
    attackers.start()
    try:
        honest.watch(port, duration_s)
    finally:
        over.set()
        attackers.join()
    honest.killed_workers = server.log.count("WORKER TIMEOUT")
    return honest


@click.command()
@click.option("--attack", "names", multiple=True, type=click.Choice(list(ATTACKS)))
@click.option("--nginx", is_flag=True, help="With nginx before the server.")
@click.option("--rows", default=200_000, show_default=True, type=click.IntRange(min=0))
@click.option("--duration-s", default=20.0, show_default=True, type=click.FloatRange(min=1))
def main(names: tuple[str, ...], nginx: bool, rows: int, duration_s: float) -> None:
    """Run the chosen attacks, or all; exits with 1 when an honest client wasn't answered."""
    is_bearable = True
    with TemporaryDirectory(prefix="chatlake-") as folder, ExitStack() as stack:
        server = stack.enter_context(filled_server(Path(folder) / "home", rows))
        port = stack.enter_context(proxied(Path(folder), server.port)) if nginx else server.port
        for name in names or ATTACKS:
            honest = attack(server, port, name, duration_s)
            click.echo(f"{name}: {honest}; load of the machine {os.getloadavg()[0]:.1f}")
            is_bearable = is_bearable and not honest.failed and not honest.killed_workers
    if not is_bearable:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
