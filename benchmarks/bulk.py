"""Measures an upload until it is visible, beside parsing and writing the same bytes."""

import io
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import monotonic, process_time

import _conversations
import _memory
import _servers
import click
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq
import requests

_WAIT_S = 60
_ENCODINGS = ("identity", "gzip", "zstd")
_WARM_UP_ROWS = 1_000


@click.command()
@click.option("--rows", default=200_000, show_default=True, help="Conversations of about 1 kB.")
@click.option("--rounds", default=5, show_default=True, help="Comparisons, in turn.")
@click.option("--workers", default=2, show_default=True)
@click.option("--named", is_flag=True, help="Give each conversation an ingest_id.")
@click.option("--file", type=Path, help="Upload this NDJSON instead of made-up conversations.")
@click.option("--beside", type=Path, help="Another checkout of this repository to compare with.")
def main(
    rows: int, rounds: int, workers: int, named: bool, file: Path | None, beside: Path | None
) -> None:
    """Compare, and print medians and ratios."""
    body = file.read_bytes() if file else _made_up(rows, "round-0" if named else None)
    rows = body.count(b"\n")
    print(f"{rows} conversations, {len(body) / 1e6:.0f} MB, {workers} workers")
    checkouts = [_servers.ROOT, *([beside.resolve()] if beside else [])]
    with tempfile.TemporaryDirectory() as home, ExitStack() as running:
        lakes = [
            running.enter_context(_servers.chatlake(Path(home) / str(number), workers, root))
            for number, root in enumerate(checkouts)
        ]
        for lake in lakes:
            _upload(lake, _made_up(_WARM_UP_ROWS, None), "identity")
        ratios: dict[tuple[str, str], list[float]] = {}
        for number in range(1, rounds + 1):
            floor_s, floor_cpu_s = _floor(body, Path(home))
            print(f"round {number}: floor {floor_s:5.2f} s, {floor_cpu_s / rows * 1e6:3.0f} µs/row")
            # Other ids in each round: with the same ids, nothing would be stored.
            sent = body.replace(b"round-0", f"round-{number}".encode()) if named else body
            for encoding in _ENCODINGS:
                compressed = _compressed(sent, encoding)
                for root, lake in zip(checkouts, lakes, strict=True):
                    took_s, cpu_s, peak = _upload(lake, compressed, encoding)
                    ratios.setdefault((root.name, encoding), []).append(floor_s / took_s)
                    print(
                        f"  {root.name} {encoding:8} visible after {took_s:5.2f} s, "
                        f"{rows / took_s:7.0f}/s, {cpu_s / rows * 1e6:3.0f} µs/row, "
                        f"{floor_s / took_s:.2f} of the floor's rate, "
                        f"a worker's peak {peak / 2**20:.0f} MiB"
                    )
                if named:
                    sent = sent.replace(b"round-", b"r" + encoding.encode() + b"-")
        for (name, encoding), measured in ratios.items():
            print(f"{name} {encoding:8} of the floor's rate: median {median(measured):.2f}")


def _made_up(rows: int, ingest_id: str | None) -> bytes:
    return b"".join(_conversations.varied_lines(rows, ingest_id))


def _compressed(body: bytes, encoding: str) -> bytes:
    if encoding == "identity":
        return body
    compressed: bytes = pa.compress(body, codec=encoding, asbytes=True)
    return compressed


def _floor(body: bytes, folder: Path) -> tuple[float, float]:
    """Parse the bytes and write them as Parquet; return the time and the processor time of that."""
    started, used = monotonic(), process_time()
    table = pyarrow.json.read_json(io.BytesIO(body))
    pq.write_table(table, folder / "floor.parquet", compression="zstd")
    return monotonic() - started, process_time() - used


def _upload(lake: str, body: bytes, encoding: str) -> tuple[float, float, int]:
    """Upload the bytes, and wait until they are visible.

    Returns:
        How long it took, the processor time of all servers meanwhile, both in seconds, and a
        worker's peak of memory in bytes.
    """
    used = _servers_cpu_s()
    with _servers.peak_memory() as peak:
        started = monotonic()
        answer = requests.post(
            f"{lake}/v1/ingest/chats",
            data=body,
            headers={
                "Content-Type": "application/x-ndjson",
                "Content-Encoding": encoding,
                "Prefer": f"wait={_WAIT_S}",
            },
            timeout=10 * _WAIT_S,
        )
        took_s = monotonic() - started
    if "snapshot_id" not in answer.json():
        raise RuntimeError(f"not visible: {answer.text[:1000]}")
    return took_s, _servers_cpu_s() - used, peak.worker


def _servers_cpu_s() -> float:
    return sum(map(_memory.cpu_s, _memory.descendants(os.getpid())[1:]))


if __name__ == "__main__":
    main()
