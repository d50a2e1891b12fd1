"""Measures memory, health and refusals under four times the clients that saturate the service.

It is overloaded by submissions of each size, and by uploads and reads beside submissions.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from threading import Event
from time import monotonic

import _servers
import _wrk
import click
import requests
from _conversations import varied_lines

_EVERY_S = 0.05
_HEALTH_TIMEOUT_S = 10
_TIMEOUT_S = 300
_UPLOAD_ROWS = 20_000
_PAGE_ROWS = 1_000
_FORMS = (
    "application/json",
    "application/x-ndjson",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
)
"""A page, and streams of everything."""


@click.command()
@click.option("--seconds", default=20, show_default=True, help="Length of one measurement.")
@click.option("--workers", default=2, show_default=True)
@click.option("--saturating", default=128, show_default=True, help="Clients that keep it busy.")
@click.option("--times", default=4, show_default=True, help="How many times as many come.")
@click.option(
    "--sizes-kib", default="1,64,1024,8192", show_default=True, help="Sizes of bodies, about."
)
@click.option("--uploaders", default=16, show_default=True, help="Clients that upload at once.")
@click.option("--readers", default=16, show_default=True, help="Clients that read at once.")
def main(
    seconds: int,
    workers: int,
    saturating: int,
    times: int,
    sizes_kib: str,
    uploaders: int,
    readers: int,
) -> None:
    """Overload a service in each way, and print the measurements."""
    for size in map(int, sizes_kib.split(",")):
        with (
            tempfile.TemporaryDirectory() as home,
            _servers.chatlake(Path(home), workers) as lake,
        ):
            _overload(lake, size * 1024, saturating * times, seconds)
    with tempfile.TemporaryDirectory() as home, _servers.chatlake(Path(home), workers) as lake:
        upload = b"".join(varied_lines(_UPLOAD_ROWS))
        _upload(lake, upload)
        others = [partial(_upload, lake, upload)] * uploaders
        others += [partial(_read, lake, accept) for _, accept in zip(range(readers), cycle(_FORMS))]
        _overload(lake, 0, saturating * times, seconds, others)


def _overload(
    lake: str,
    size_bytes: int,
    connections: int,
    seconds: int,
    others: Sequence[Callable[[], int]] = (),
) -> None:
    """Submit on all connections for some seconds, and print the measurements.

    Args:
        lake: The service's URL.
        size_bytes: Size of each submission; 0 for the usual one.
        connections: Number of connections.
        seconds: For how long.
        others: What other clients do meanwhile, again and again; each returns a status code.
    """
    done = Event()
    with ThreadPoolExecutor(1 + len(others)) as pool, _servers.peak_memory() as peak:
        health = pool.submit(_probe_health, lake, done)
        answers = [pool.submit(_repeat, other, done) for other in others]
        load = _wrk.submit(f"{lake}/v1/ingest/chat", connections, seconds, size_bytes)
        done.set()
    statuses = sum((each.result() for each in answers), Counter[int]())
    print(
        f"{size_bytes / 1024:6.0f} KiB from {connections} clients: "
        f"{(load.requests - load.refused) / load.seconds:6.0f}/s acknowledged, "
        f"{load.refused} told to come again, {load.failed - load.refused} failed, "
        f"peak {peak.worker / 2**20:.0f} MiB a worker, "
        f"{peak.committer / 2**20:.0f} MiB the committer, "
        f"health p99 {quantiles(health.result(), n=100, method='inclusive')[-1]:.0f} ms "
        f"of {len(health.result())}"
        + (f"; answers to uploads and reads {dict(statuses)}" if others else ""),
        flush=True,
    )


def _repeat(ask: Callable[[], int], done: Event) -> Counter[int]:
    """Ask again and again; return how often each status code came."""
    statuses = Counter[int]()
    while not done.wait(_EVERY_S):
        statuses[ask()] += 1
    return statuses


def _upload(lake: str, lines: bytes) -> int:
    """Upload lines; return the status code."""
    return requests.post(
        f"{lake}/v1/ingest/chats",
        data=lines,
        headers={"Content-Type": "application/x-ndjson"},
        timeout=_TIMEOUT_S,
    ).status_code


def _read(lake: str, accept: str) -> int:
    """Read a page or a stream to its end; return the status code."""
    url = f"{lake}/v1/contributions?limit={_PAGE_ROWS}"
    with requests.get(url, headers={"Accept": accept}, stream=True, timeout=_TIMEOUT_S) as answer:
        for _ in answer.iter_content(1024 * 1024):
            pass
        return answer.status_code


def _probe_health(lake: str, done: Event) -> list[float]:
    """Check the health repeatedly; return how long each answer took, in ms."""
    taken_ms = []
    while not done.wait(_EVERY_S):
        started = monotonic()
        # An answer that doesn't come counts as one that took so long.
        with suppress(requests.Timeout):
            requests.get(f"{lake}/v1/health/", timeout=_HEALTH_TIMEOUT_S).raise_for_status()
        taken_ms.append((monotonic() - started) * 1000)
    return taken_ms


if __name__ == "__main__":
    main()
