"""Compares submissions with an empty view, and measures visibility during a minute at full rate."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles
from threading import Event
from time import monotonic

import _servers
import _wrk
import click
import requests
from _conversations import SUBMISSION

_PROBE_INTERVAL_S = 0.25
_PROBE_WAIT_S = 30


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Comparisons, in turn.")
@click.option("--seconds", default=8, show_default=True, help="Length of one measurement.")
@click.option("--sustained", default=60, show_default=True, help="Seconds at full rate; 0: none.")
@click.option("--workers", default=2, show_default=True)
@click.option("--threads", default=16, show_default=True, help="Of the empty view's workers.")
@click.option("--connections", default=32, show_default=True)
def main(
    rounds: int, seconds: int, sustained: int, workers: int, threads: int, connections: int
) -> None:
    """Compare, and print medians and ratios."""
    with (
        tempfile.TemporaryDirectory() as home,
        _servers.empty_view(workers, threads) as empty,
        _servers.chatlake(Path(home), workers) as lake,
    ):
        print(f"{len(SUBMISSION)} bytes, {workers} workers, {connections} connections")
        _compare(f"{empty}/", f"{lake}/v1/ingest/chat", rounds, seconds, connections)
        if sustained:
            _sustain(lake, sustained, connections)


def _compare(empty: str, ingest: str, rounds: int, seconds: int, connections: int) -> None:
    pairs = []
    for number in range(1, rounds + 1):
        floor = _wrk.post(empty, SUBMISSION, connections, seconds)
        ours = _wrk.post(ingest, SUBMISSION, connections, seconds)
        pairs.append((floor, ours))
        print(
            f"round {number}: empty view {floor.rate:6.0f}/s p99 {floor.p99_ms:5.1f} ms, "
            f"acknowledged {ours.rate:6.0f}/s p99 {ours.p99_ms:5.1f} ms, failed {ours.failed}"
        )
    print(f"rate: median ratio {median(ours.rate / floor.rate for floor, ours in pairs):.2f}")
    print(f"p99: median ratio {median(ours.p99_ms / floor.p99_ms for floor, ours in pairs):.2f}")


def _sustain(lake: str, seconds: int, connections: int) -> None:
    """Submit at full rate, while a probe measures how soon single submissions are visible."""
    before = _count(lake)
    done = Event()
    with ThreadPoolExecutor(1) as pool:
        lags = pool.submit(_probe, lake, done)
        load = _wrk.post(f"{lake}/v1/ingest/chat", SUBMISSION, connections, seconds)
        ended = monotonic()
        done.set()
        seen = lags.result()
    expected = before + load.requests - load.failed + len(seen)
    while _count(lake) < expected and monotonic() - ended < _PROBE_WAIT_S:
        done.wait(_PROBE_INTERVAL_S)
    print(f"{seconds} s at full rate: {load.rate:.0f}/s acknowledged, {load.failed} failed")
    print(f"all of them visible {monotonic() - ended:.1f} s after the last")
    print(f"visibility: median {median(seen):.2f} s, p99 {_p99(seen):.2f} s, of {len(seen)} probes")


def _probe(lake: str, done: Event) -> list[float]:
    """Submit repeatedly, each time waiting for the commit; return the times in seconds."""
    lags = []
    body = {"agent_id": "probe", "conversation": [{"content": "visible?"}]}
    headers = {"Prefer": f"wait={_PROBE_WAIT_S}"}
    while not done.is_set():
        started = monotonic()
        answer = requests.post(
            f"{lake}/v1/ingest/chat", json=body, headers=headers, timeout=2 * _PROBE_WAIT_S
        )
        if "snapshot_id" not in answer.json():
            raise RuntimeError(f"not visible after {_PROBE_WAIT_S} s: {answer.text}")
        lags.append(monotonic() - started)
        done.wait(_PROBE_INTERVAL_S)
    return lags


def _count(lake: str) -> int:
    answer = requests.get(f"{lake}/v1/contributions/count?versions=all", timeout=60)
    count: int = answer.json()["count"]
    return count


def _p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[-1]


if __name__ == "__main__":
    main()
