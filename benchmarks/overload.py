"""Measures memory, health and refusals under four times the clients that saturate the service."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from threading import Event
from time import monotonic

import _servers
import _wrk
import click
import requests

_EVERY_S = 0.05
_HEALTH_TIMEOUT_S = 10


@click.command()
@click.option("--seconds", default=20, show_default=True, help="Length of one measurement.")
@click.option("--workers", default=2, show_default=True)
@click.option("--saturating", default=32, show_default=True, help="Clients that keep it busy.")
@click.option("--times", default=4, show_default=True, help="How many times as many come.")
@click.option(
    "--sizes-kib", default="1,64,1024,8192", show_default=True, help="Sizes of bodies, about."
)
def main(seconds: int, workers: int, saturating: int, times: int, sizes_kib: str) -> None:
    """Overload a service with bodies of each size, and print the measurements."""
    for size in map(int, sizes_kib.split(",")):
        with (
            tempfile.TemporaryDirectory() as home,
            _servers.chatlake(Path(home), workers) as lake,
        ):
            _overload(lake, size * 1024, saturating * times, seconds)


def _overload(lake: str, size_bytes: int, connections: int, seconds: int) -> None:
    done = Event()
    with ThreadPoolExecutor(1) as pool, _servers.peak_memory() as peak:
        health = pool.submit(_probe_health, lake, done)
        load = _wrk.submit(f"{lake}/v1/ingest/chat", connections, seconds, size_bytes)
        done.set()
    print(
        f"{size_bytes / 1024:6.0f} KiB from {connections} clients: "
        f"{(load.requests - load.refused) / load.seconds:6.0f}/s acknowledged, "
        f"{load.refused} told to come again, {load.failed - load.refused} failed, "
        f"peak {peak.worker / 2**20:.0f} MiB a worker, "
        f"{peak.committer / 2**20:.0f} MiB the committer, "
        f"health p99 {quantiles(health.result(), n=100, method='inclusive')[-1]:.0f} ms "
        f"of {len(health.result())}",
        flush=True,
    )


def _probe_health(lake: str, done: Event) -> list[float]:
    """Check the health repeatedly; return how long each answer took, in ms."""
    taken_ms = []
    while not done.wait(_EVERY_S):
        started = monotonic()
        requests.get(f"{lake}/v1/health/", timeout=_HEALTH_TIMEOUT_S).raise_for_status()
        taken_ms.append((monotonic() - started) * 1000)
    return taken_ms


if __name__ == "__main__":
    main()
