"""Compares the bytes stored with one uncompressed Parquet file per conversation."""

import tempfile
from pathlib import Path
from threading import Event
from uuid import uuid4

import _contributions
import _lake
import click
import pyarrow.parquet as pq

from app.services import Services
from catalog.columns.arrow import to_arrow
from catalog.reading.plans import plan
from catalog.snapshots import live_snapshots
from catalog.table import append_batch, load_table


@click.command()
@click.option("--commits", default=50, show_default=True)
@click.option("--rows", default=200, show_default=True, help="Contributions in each.")
def main(commits: int, rows: int) -> None:
    """Store the same conversations both ways, and print the ratio."""
    with tempfile.TemporaryDirectory() as home:
        # Any number of files of the day that still grows is worth a compaction.
        services = _lake.make(Path(home) / "lake", compact_open_day_files=2)
        single_bytes = _fill(services, Path(home) / "single.parquet", commits, rows)
        fresh_bytes = _stored_bytes(services)
        for result in services.jobs.maintenance().compaction.compact(Event()):
            print(result)
        stored_bytes = _stored_bytes(services)
    print(f"{commits * rows} conversations, one uncompressed file each: {single_bytes} bytes")
    print(f"as committed: 1/{single_bytes / fresh_bytes:.1f} of it, {fresh_bytes} bytes")
    print(f"compacted: 1/{single_bytes / stored_bytes:.1f} of it, {stored_bytes} bytes")


def _fill(services: Services, scratch: Path, commits: int, rows: int) -> int:
    """Commit contributions; return the bytes that one file for each of them would take."""
    single_bytes = 0
    for _ in range(commits):
        contributions = list(_contributions.make(rows))
        append_batch(load_table(services.catalog), uuid4(), contributions)
        for contribution in contributions:
            pq.write_table(to_arrow([contribution]), scratch, compression="none")
            single_bytes += scratch.stat().st_size
    return single_bytes


def _stored_bytes(services: Services) -> int:
    table = load_table(services.catalog)
    return sum(file.size_bytes for file in plan(table, next(live_snapshots(table))))


if __name__ == "__main__":
    main()
