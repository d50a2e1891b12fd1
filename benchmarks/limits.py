"""Measures submissions of honest clients while another address asks as much as it can.

The greedy one has 64 connections from 127.0.0.2, on each of which it asks again as soon as it was
answered. The honest ones submit at a steady rate from 127.0.0.1. A server without limits and one
with limits take turns.
"""

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from urllib.parse import urlsplit
from uuid import uuid4

import _servers
import click
import requests
from _conversations import lines, submission

_HONEST, _GREEDY = "127.0.0.1", "127.0.0.2"
_HONEST_CONNECTIONS = 8
_LIMITS = {
    "submissions_per_minute": 9_000,
    "uploads_per_minute": 60,
    "reads_per_minute": 300,
    "costly_reads_per_minute": 6,
    "reads_at_once": 2,
    "limit_burst_s": 10,
    "rows_per_day": 10_000_000,
    "bytes_per_day": 100_000_000_000,
}
_SETTLE_S = 3.0
"""How long the greedy one goes on before the honest ones are measured."""
_QUERY = {"query": "SELECT content, count(*) FROM turns GROUP BY ALL ORDER BY 2 DESC"}
_ASKED = {
    "submissions": ("POST", "/v1/ingest/chat", None),
    "exports": ("GET", "/v1/contributions", None),
    "stats": ("GET", "/v1/stats?by=day,source,agent_id", None),
    "sql": ("POST", "/v1/sql", _QUERY),
    "reads": ("GET", "/v1/contributions?limit=1", None),
    "pages": ("GET", "/v1/contributions?limit=1000", None),
    "searches": ("GET", "/v1/contributions?q=absent", None),
}
"""What the greedy one asks for: method, path, and the JSON that it sends."""


@click.command()
@click.option("--rounds", default=3, show_default=True)
@click.option("--seconds", default=10, show_default=True, help="Length of one measurement.")
@click.option("--workers", default=2, show_default=True)
@click.option("--connections", default=64, show_default=True, help="Of the greedy address.")
@click.option("--rate", default=100, show_default=True, help="Honest submissions in a second.")
@click.option("--rows", default=50_000, show_default=True, help="Conversations in the lake.")
@click.option("--ask", "asked", multiple=True, type=click.Choice(list(_ASKED)))
def main(
    rounds: int,
    seconds: int,
    workers: int,
    connections: int,
    rate: int,
    rows: int,
    asked: tuple[str, ...],
) -> None:
    """Print p50 and p99 of honest submissions in ms, alone and beside each kind of greed."""
    with ExitStack() as stack:
        servers: list[tuple[str, str]] = []
        for name, limits in (("without limits", {}), ("with limits", _LIMITS)):
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(_servers.chatlake(home, workers, settings=limits))
            _fill(url, rows)
            servers.append((name, url))
        for kind in asked or _ASKED:
            for name, url in servers:
                alone, beside, answers = [], [], Counter[int]()
                for _ in range(rounds):
                    alone += asyncio.run(_submit_steadily(url, rate, seconds))
                    with _greed(url, kind, connections) as greedy:
                        beside += asyncio.run(_submit_steadily(url, rate, seconds, _SETTLE_S))
                    answers += greedy
                print(
                    f"{kind:12} {name:15} alone {_told(alone)}, beside {_told(beside)}, "
                    f"p99 {_p99(beside) / _p99(alone):6.2f} times; greedy {dict(answers)}",
                    flush=True,
                )


def _p99(taken_s: list[float]) -> float:
    return quantiles(taken_s, n=100, method="inclusive")[-1]


def _told(taken_s: list[float]) -> str:
    return f"p50 {median(taken_s) * 1e3:6.1f} p99 {_p99(taken_s) * 1e3:7.1f} ms"


def _fill(url: str, rows: int) -> None:
    requests.post(
        f"{url}/v1/ingest/chats",
        data=b"".join(lines(rows)),
        headers={"Content-Type": "application/x-ndjson", "Prefer": "wait=30"},
        timeout=300,
    ).raise_for_status()


async def _submit_steadily(
    url: str, rate: int, seconds: float, settle_s: float = 0.0
) -> list[float]:
    """Submit at a steady rate; return how long each answer took, in seconds.

    A submission that comes late because the one before wasn't answered yet counts from when it
    should have come.
    """
    await asyncio.sleep(settle_s)
    taken: list[float] = []
    started = perf_counter() + 0.1

    async def submit(client: int) -> None:
        reader, writer = await _connect(url, _HONEST)
        for number in range(client, int(rate * seconds), _HONEST_CONNECTIONS):
            due = started + number / rate
            await asyncio.sleep(max(due - perf_counter(), 0))
            status = await _exchange(reader, writer, _request("submissions"))
            if status != requests.codes.ok:
                raise SystemExit(f"an honest submission was answered with {status}")
            taken.append(perf_counter() - due)
        writer.close()

    await asyncio.gather(*(submit(client) for client in range(_HONEST_CONNECTIONS)))
    return taken


@contextmanager
def _greed(url: str, kind: str, connections: int) -> Iterator[Counter[int]]:
    """Have another process ask as much as it can within the block; yield its statuses after."""
    context = get_context("spawn")
    over, results, statuses = context.Event(), context.Queue(), Counter[int]()
    process = context.Process(target=_ask_much, args=(url, kind, connections, over, results))
    process.start()
    try:
        yield statuses
    finally:
        over.set()
        statuses.update(results.get())
        process.join()


def _ask_much(
    url: str, kind: str, connections: int, over: Event, results: "Queue[Counter[int]]"
) -> None:
    statuses = Counter[int]()

    async def ask() -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await _connect(url, _GREEDY)
                while True:
                    statuses[await _exchange(reader, writer, _request(kind))] += 1

    async def ask_on_all() -> None:
        tasks = [asyncio.create_task(ask()) for _ in range(connections)]
        await asyncio.to_thread(over.wait)
        for task in tasks:
            task.cancel()

    asyncio.run(ask_on_all())
    results.put(statuses)


async def _connect(url: str, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = urlsplit(url).port
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))


_numbers, _run = count(), uuid4().hex


def _request(kind: str) -> bytes:
    method, path, query = _ASKED[kind]
    body = json.dumps(query) if query else ""
    if kind == "submissions":
        body = submission(f"{_run}-{next(_numbers)}")
    accept = "application/x-ndjson" if kind == "exports" else "*/*"
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: lake\r\nAccept: {accept}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> int:
    """Send a request, and return the status once all of the answer was read."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, length = head.partition(b"content-length: ")
    if length:
        await reader.readexactly(int(length.split(b"\r\n")[0]))
    else:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return int(head.split(b" ")[1])


if __name__ == "__main__":
    main()
