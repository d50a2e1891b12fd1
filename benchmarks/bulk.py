"""An upload until it is visible, beside parsing and writing the same bytes, and single appends."""

import io
import json
import random
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from threading import Event
from time import monotonic
from uuid import uuid4

import _servers
import click
import pyarrow.json
import pyarrow.parquet as pq
import requests
from pyiceberg.catalog.sql import SqlCatalog

_WORDS = 5_000
_WORDS_IN_TURN = 35
_WAIT_S = 60
_RSS_EVERY_S = 0.05


@click.command()
@click.option("--rows", default=200_000, show_default=True, help="Conversations of about 1 kB.")
@click.option("--rounds", default=5, show_default=True, help="Comparisons, in turn.")
@click.option("--workers", default=2, show_default=True)
@click.option("--named", is_flag=True, help="Give each conversation an ingest_id.")
@click.option("--appends", default=20, show_default=True, help="Plain appends; 0: none.")
def main(rows: int, rounds: int, workers: int, named: bool, appends: int) -> None:
    """Compare, and print medians and ratios."""
    body = b"".join(_conversations(rows, named))
    print(f"{rows} conversations, {len(body) / 1e6:.0f} MB, {workers} workers")
    with (
        tempfile.TemporaryDirectory() as home,
        _servers.chatlake(Path(home) / "lake", workers) as lake,
    ):
        pairs = []
        for number in range(1, rounds + 1):
            floor_s = _floor(body, Path(home))
            # Other ids each time, or nothing would be stored again.
            sent = body.replace(b"round-0", f"round-{number}".encode()) if named else body
            ours_s, peak = _upload(lake, sent)
            pairs.append((floor_s, ours_s))
            print(
                f"round {number}: floor {floor_s:5.2f} s, visible after {ours_s:5.2f} s, "
                f"{rows / ours_s:7.0f}/s, a worker's peak {peak / 2**20:.0f} MiB"
            )
        ratio = median(floor / ours for floor, ours in pairs)
        print(f"of the floor's rate: median {ratio:.2f}")
        if appends:
            append_s = _plain_append(body, appends, Path(home))
            ours_s = median(ours for _, ours in pairs) / rows
            print(f"one table.append per request: {append_s * 1e3:.0f} ms a row, ", end="")
            print(f"{append_s / ours_s:.0f} times ours")


def _conversations(rows: int, named: bool) -> Iterator[bytes]:
    chance = random.Random(1)  # noqa: S311  # the same text every time
    words = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=k % 8 + 2)) for k in range(_WORDS)
    ]
    for row in range(rows):
        turns = [
            {"role": role, "content": " ".join(chance.choices(words, k=_WORDS_IN_TURN))}
            for role in ("user", "assistant", "user", "assistant")
        ]
        line = {"agent_id": "benchmark", "submitter_id": f"s{row % 1000}", "conversation": turns}
        if named:
            line["ingest_id"] = f"round-0-{row}"
        yield json.dumps(line).encode() + b"\n"


def _floor(body: bytes, folder: Path) -> float:
    """Parse the bytes and write them as Parquet; return how long it took, in seconds."""
    started = monotonic()
    table = pyarrow.json.read_json(io.BytesIO(body))
    pq.write_table(table, folder / "floor.parquet", compression="zstd")
    return monotonic() - started


def _upload(lake: str, body: bytes) -> tuple[float, int]:
    """Upload the bytes and wait until they are visible; return how long, and the peak of memory."""
    done = Event()
    with ThreadPoolExecutor(1) as pool:
        peak = pool.submit(_peak_rss, done)
        started = monotonic()
        answer = requests.post(
            f"{lake}/v1/ingest/chats",
            data=body,
            headers={"Content-Type": "application/x-ndjson", "Prefer": f"wait={_WAIT_S}"},
            timeout=10 * _WAIT_S,
        )
        took_s = monotonic() - started
        done.set()
    if "snapshot_id" not in answer.json():
        raise RuntimeError(f"not visible: {answer.text[:1000]}")
    return took_s, peak.result()


def _peak_rss(done: Event) -> int:
    """Return the most memory that any of the servers' processes has had, in bytes."""
    peak = 0
    while not done.wait(_RSS_EVERY_S):
        peak = max(peak, *map(_servers.rss_bytes, _servers.processes()))
    return peak


def _plain_append(body: bytes, number: int, folder: Path) -> float:
    """Append row by row to a plain table, as a request handler might; return seconds per row."""
    table = pyarrow.json.read_json(io.BytesIO(body[: body.index(b"\n") + 1]))
    warehouse = folder / f"plain-{uuid4()}"
    warehouse.mkdir()
    catalog = SqlCatalog(
        "plain", uri=f"sqlite:///{warehouse}/c.db", warehouse=f"file://{warehouse}"
    )
    catalog.create_namespace("plain")
    plain = catalog.create_table("plain.rows", schema=table.schema)
    times = []
    for _ in range(number):
        started = monotonic()
        plain.append(table)
        times.append(monotonic() - started)
    catalog.engine.dispose()
    return median(times)


if __name__ == "__main__":
    main()
