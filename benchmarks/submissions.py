"""Compares submissions with the way of gpt4all-datalake, and with an empty view.

Then it submits for a minute at full rate, and shows how soon submissions are visible.
"""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles
from threading import Event
from time import monotonic

import _rivals_environment
import _servers
import _wrk
import click
import requests

_PROBE_INTERVAL_S = 0.25
_PROBE_WAIT_S = 30


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Comparisons, in turn.")
@click.option("--seconds", default=8, show_default=True, help="Length of one measurement.")
@click.option("--sustained", default=60, show_default=True, help="Seconds at full rate; 0: none.")
@click.option("--workers", default=2, show_default=True)
@click.option("--threads", default=16, show_default=True, help="Of the empty view's workers.")
@click.option("--connections", default=[32, 128], multiple=True, show_default=True)
@click.option(
    "--python",
    type=click.Path(exists=True, path_type=Path),
    help="The rivals' Python, when their environment is there already.",
)
def main(
    rounds: int,
    seconds: int,
    sustained: int,
    workers: int,
    threads: int,
    connections: Sequence[int],
    python: Path | None,
) -> None:
    """Compare, and print medians and ratios."""
    rivals = python or _rivals_environment.ensure("rivals")
    with (
        tempfile.TemporaryDirectory() as home,
        tempfile.TemporaryDirectory() as files,
        _servers.empty_view(workers, threads) as empty,
        _servers.gpt4all_service(Path(files), workers, rivals) as gpt4all,
        _servers.chatlake(Path(home), workers) as lake,
    ):
        sides = {
            "chatlake": f"{lake}/v1/ingest/chat",
            "empty view": f"{empty}/",
            "gpt4all's": f"{gpt4all}/v1/ingest/chat",
        }
        for number in connections:
            print(f"{workers} workers, {number} connections, every submission with another id")
            _compare(sides, rounds, seconds, number)
        if sustained:
            _sustain(lake, sustained, connections[0])


def _compare(sides: Mapping[str, str], rounds: int, seconds: int, connections: int) -> None:
    """Measure all sides in turn, round after round; print the first one's ratio to the others."""
    results: dict[str, list[_wrk.LoadResult]] = {name: [] for name in sides}
    for number in range(1, rounds + 1):
        for name, url in sides.items():
            result = _wrk.submit(url, connections, seconds)
            results[name].append(result)
            print(
                f"  round {number}: {name:10} {result.rate:6.0f}/s, p99 {result.p99_ms:6.1f} ms, "
                f"failed {result.failed}",
                flush=True,
            )
    ours = results[next(iter(sides))]
    for name, others in results.items():
        pairs = list(zip(ours, others, strict=True))
        print(
            f"{name:10} median {median(other.rate for other in others):6.0f}/s, "
            f"chatlake's rate is {median(own.rate / other.rate for own, other in pairs):.2f} and "
            f"its p99 {median(own.p99_ms / other.p99_ms for own, other in pairs):.2f} times that"
        )


def _sustain(lake: str, seconds: int, connections: int) -> None:
    """Submit at full rate, while a probe measures how soon single submissions are visible."""
    before = _count(lake)
    done = Event()
    with ThreadPoolExecutor(1) as pool:
        lags = pool.submit(_probe, lake, done)
        load = _wrk.submit(f"{lake}/v1/ingest/chat", connections, seconds)
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
