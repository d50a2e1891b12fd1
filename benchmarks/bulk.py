"""Measures an upload until it is visible, beside parsing and writing the same bytes."""

import io
import tempfile
from pathlib import Path
from statistics import median
from time import monotonic

import _conversations
import _servers
import click
import pyarrow.json
import pyarrow.parquet as pq
import requests

_WAIT_S = 60


@click.command()
@click.option("--rows", default=200_000, show_default=True, help="Conversations of about 1 kB.")
@click.option("--rounds", default=5, show_default=True, help="Comparisons, in turn.")
@click.option("--workers", default=2, show_default=True)
@click.option("--named", is_flag=True, help="Give each conversation an ingest_id.")
def main(rows: int, rounds: int, workers: int, named: bool) -> None:
    """Compare, and print medians and ratios."""
    body = b"".join(_conversations.lines(rows, "round-0" if named else None))
    print(f"{rows} conversations, {len(body) / 1e6:.0f} MB, {workers} workers")
    with (
        tempfile.TemporaryDirectory() as home,
        _servers.chatlake(Path(home) / "lake", workers) as lake,
    ):
        pairs = []
        for number in range(1, rounds + 1):
            floor_s = _floor(body, Path(home))
            # Other ids in each round: with the same ids, nothing would be stored.
            sent = body.replace(b"round-0", f"round-{number}".encode()) if named else body
            ours_s, peak = _upload(lake, sent)
            pairs.append((floor_s, ours_s))
            print(
                f"round {number}: floor {floor_s:5.2f} s, visible after {ours_s:5.2f} s, "
                f"{rows / ours_s:7.0f}/s, a worker's peak {peak / 2**20:.0f} MiB"
            )
        ratio = median(floor / ours for floor, ours in pairs)
        print(f"of the floor's rate: median {ratio:.2f}")


def _floor(body: bytes, folder: Path) -> float:
    """Parse the bytes and write them as Parquet; return how long it took, in seconds."""
    started = monotonic()
    table = pyarrow.json.read_json(io.BytesIO(body))
    pq.write_table(table, folder / "floor.parquet", compression="zstd")
    return monotonic() - started


def _upload(lake: str, body: bytes) -> tuple[float, int]:
    """Upload the bytes; return the time until they are visible, and a worker's peak memory."""
    with _servers.peak_memory() as peak:
        started = monotonic()
        answer = requests.post(
            f"{lake}/v1/ingest/chats",
            data=body,
            headers={"Content-Type": "application/x-ndjson", "Prefer": f"wait={_WAIT_S}"},
            timeout=10 * _WAIT_S,
        )
        took_s = monotonic() - started
    if "snapshot_id" not in answer.json():
        raise RuntimeError(f"not visible: {answer.text[:1000]}")
    return took_s, peak.worker


if __name__ == "__main__":
    main()
