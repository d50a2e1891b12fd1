"""Compares chatlake over HTTP with litelink, streamcast and plain pyiceberg, on the same rows."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import _conversations
import _rivals_environment
import _servers
import _wrk
import click
import requests
from _figure import Figure

_BENCHMARKS = Path(__file__).parent
_SETTLE_S = 10
"""Wait between a server's first answer and its measurement, while its other processes start."""
_WAIT_S = 60
_UPLOAD_TIMEOUT_S = 600


@dataclass(frozen=True)
class Side:
    """One way to store the rows.

    Attributes:
        name: Name of the way, as it is printed.
        measure: Stores the rows in a new, empty store.
    """

    name: str
    measure: Callable[[], Figure]


@dataclass(frozen=True)
class Workload:
    """The input of every side.

    Attributes:
        row: NDJSON file with one submission, for singles.
        rows: NDJSON file with many submissions, for bulk.
        seconds: Length of each run of singles.
        connections: Numbers of connections of a client whose requests wait for answers.
        workers: Number of chatlake's workers.
    """

    row: Path
    rows: Path
    seconds: int
    connections: Sequence[int]
    workers: int


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Comparisons, in turn.")
@click.option("--seconds", default=8, show_default=True, help="Length of each run of singles.")
@click.option("--rows", default=200_000, show_default=True, help="Conversations in bulk, 1 kB.")
@click.option(
    "--connections",
    default=[32, 128],
    multiple=True,
    show_default=True,
    help="Of each client that waits for answers, chatlake's and streamcast's.",
)
@click.option("--workers", default=2, show_default=True, help="Of chatlake.")
@click.option(
    "--python",
    type=click.Path(exists=True, path_type=Path),
    help="The rivals' Python, when their environment is there already.",
)
def main(
    rounds: int,
    seconds: int,
    rows: int,
    connections: Sequence[int],
    workers: int,
    python: Path | None,
) -> None:
    """Compare singles, then bulk, and print medians and ratios."""
    rivals = python or _rivals_environment.ensure("rivals")
    with tempfile.TemporaryDirectory() as folder:
        workload = Workload(
            Path(folder) / "row.ndjson", Path(folder) / "rows.ndjson", seconds, connections, workers
        )
        workload.row.write_text(_conversations.submission("row") + "\n")
        with workload.rows.open("wb") as file:
            file.writelines(_conversations.lines(rows))
        print(f"singles: {workload.row.stat().st_size} bytes, {seconds} s")
        _compare(*_singles(workload, rivals), rounds)
        print(f"bulk: {rows} rows, {workload.rows.stat().st_size / 1e6:.0f} MB")
        _compare(*_bulk(workload, rivals), rounds)


def _singles(workload: Workload, python: Path) -> tuple[list[Side], list[Side]]:
    """Return chatlake's sides and the rivals'."""
    seconds = ["--seconds", str(workload.seconds)]

    def ours(connections: int) -> Figure:
        with _chatlake(workload) as lake:
            seen = _wrk.submit(f"{lake}/v1/ingest/chat", connections, workload.seconds)
        return Figure(seen.requests - seen.failed, seen.seconds)

    def streamcast(name: str, connections: int, *options: str) -> Side:
        clients = ["--connections", str(connections), *options]
        title = f"streamcast, {name}, {connections}"
        return _streamcast(python, title, "send", workload.row, *seconds, *clients)

    litelink = partial(_rival, python, "with_litelink.py")
    pyiceberg = partial(_rival, Path(sys.executable), "with_pyiceberg.py")
    return [
        Side(f"chatlake, HTTP, {number}", partial(ours, number)) for number in workload.connections
    ], [
        *(streamcast("send, WebSocket", number) for number in workload.connections),
        streamcast("submit (pipelined)", workload.connections[0], "--pipelined"),
        litelink("litelink, append, in process", "append", workload.row, *seconds),
        pyiceberg("pyiceberg, table.append, in process", workload.row, *seconds),
    ]


def _bulk(workload: Workload, python: Path) -> tuple[list[Side], list[Side]]:
    """Return chatlake's side and the rivals'."""

    def ours() -> Figure:
        with _chatlake(workload) as lake:
            return _upload(lake, workload.rows)

    litelink = partial(_rival, python, "with_litelink.py")
    rows = workload.rows
    return [Side("chatlake, HTTP, until visible", ours)], [
        _streamcast(python, "streamcast, submit_many, WebSocket", "send-many", rows),
        litelink("litelink, ingest of NDJSON, in process", "ingest", rows),
        litelink("litelink, ingest of a table, in process", "ingest", rows, "--parsed"),
        litelink("litelink, extend, in process", "extend", rows),
    ]


@contextmanager
def _chatlake(workload: Workload) -> Iterator[str]:
    """Serve an empty lake, and yield its URL once all of its processes have started."""
    with (
        tempfile.TemporaryDirectory() as home,
        _servers.chatlake(Path(home), workload.workers) as lake,
    ):
        sleep(_SETTLE_S)
        yield lake


def _upload(lake: str, rows: Path) -> Figure:
    headers = {"Content-Type": "application/x-ndjson", "Prefer": f"wait={_WAIT_S}"}
    with rows.open("rb") as body:
        started = monotonic()
        answer = requests.post(
            f"{lake}/v1/ingest/chats", data=body, headers=headers, timeout=_UPLOAD_TIMEOUT_S
        )
        took_s = monotonic() - started
    report = answer.json()
    if "snapshot_id" not in report:
        raise RuntimeError(f"not visible: {answer.text[:1000]}")
    return Figure(report["accepted"], took_s)


def _streamcast(python: Path, name: str, *arguments: str | Path) -> Side:
    return _rival(python, "with_streamcast.py", name, *arguments, "--settle", str(_SETTLE_S))


def _rival(python: Path, program: str, name: str, *arguments: str | Path) -> Side:
    """Return the side that a program of `benchmarks/rivals` measures."""
    command = [python, _BENCHMARKS / "rivals" / program, *arguments]
    environment = os.environ | {"PYTHONPATH": str(_BENCHMARKS)}

    def measure() -> Figure:
        done = subprocess.run(
            command, check=True, env=environment, stdout=subprocess.PIPE, text=True
        )
        return Figure.from_json(done.stdout)

    return Side(name, measure)


def _compare(ours: Sequence[Side], theirs: Sequence[Side], rounds: int) -> None:
    """Measure side after side, round after round; print medians, and ours relative to each."""
    sides = [*ours, *theirs]
    figures: dict[str, list[Figure]] = {side.name: [] for side in sides}
    for number in range(1, rounds + 1):
        for side in sides:
            figure = side.measure()
            figures[side.name].append(figure)
            print(f"  round {number}: {side.name:40} {figure.rate:9.0f}/s", flush=True)
    for name, others in figures.items():
        rate = median(figure.rate for figure in others)
        ratios = " and ".join(f"{_ratio(figures[side.name], others):.2f}" for side in ours)
        print(f"{name:40} median {rate:9.0f}/s, chatlake is {ratios} times as fast")


def _ratio(ours: Sequence[Figure], others: Sequence[Figure]) -> float:
    """Return the median of the ratios of rates, round by round."""
    return median(own.rate / other.rate for own, other in zip(ours, others, strict=True))


if __name__ == "__main__":
    main()
