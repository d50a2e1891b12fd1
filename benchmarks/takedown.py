"""Measures how long it takes to erase one, a thousand and a contributor's conversations."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from uuid import UUID

import _lake
import _takedown_lake
import click
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.access.takedowns.records import TakedownKind
from app.services import Services
from app.takedown.verify.verification import verify
from catalog.manifests.entries import newest_entries
from catalog.schema import ID, TABLE_IDENTIFIER
from catalog.snapshots import live_snapshots
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.backends import CLUSTERED, EMBEDDED
from tests.lake_rows import Rows, check_sums, counts_of, differing, rows_of, without
from tests.servers.cluster import cluster


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Conversations of the lake.")
@click.option("--days", default=100, show_default=True, help="Days on which they were received.")
@click.option("--home", type=click.Path(path_type=Path), help="Where the lake is kept.")
@click.option(
    "--backend",
    type=click.Choice([EMBEDDED, CLUSTERED]),
    default=EMBEDDED,
    show_default=True,
    help="SQLite with a folder, or PostgreSQL with buckets that keep old versions of objects; "
    "nothing of the latter is kept.",
)
@click.option(
    "--stages",
    type=click.Choice(["copied", "curated", "none"]),
    default="copied",
    show_default=True,
    help="How the stages get their rows: copied from the raw table with made-up measures, which "
    "takes a minute, or by curating, which may take an hour. Only with copied stages, releases "
    "and a map are published.",
)
@click.option(
    "--released", default=100_000, show_default=True, help="Rows of the raw release and its map."
)
@click.option("--contributor", default=7, show_default=True, help="Number of the one who goes.")
def main(
    rows: int,
    days: int,
    home: Path | None,
    backend: str,
    stages: str,
    released: int,
    contributor: int,
) -> None:
    """Make a lake, take down from it, and look for what was taken down everywhere."""
    logging.basicConfig(format="  %(message)s")
    logging.getLogger("app.takedown").setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as scratch, _places(backend) as places:
        # The search opens what queries have spilled there, also those of other lakes.
        tempfile.tempdir = scratch
        services = _lake.make(home or Path(scratch) / "lake", takedown_grace_s=0, **places)
        if load_table(services.catalog).current_snapshot() is None:
            _takedown_lake.fill(services, rows, days, released)
        if load_table(services.catalog, COMPUTED_STAGES["curated"].rows).current_snapshot() is None:
            _takedown_lake.fill_stages(services, stages)
            if stages == "copied":
                _takedown_lake.publish(services)
        _describe(services)
        first, *thousand = _some(services, 1_001)
        before = rows_of(services)
        gone = [
            _measure(services, "contribution", [first]),
            _measure(services, "contribution", thousand),
            _measure(services, "contributor", [f"contributor {contributor}"]),
        ]
        _check(services, before, pc.unique(pa.concat_arrays(gone)))
        _describe(services)
        services.close()


@contextmanager
def _places(backend: str) -> Iterator[dict[str, Any]]:
    """Yield the settings of the places of a new lake's state, with servers for them."""
    if backend == EMBEDDED:
        yield {}
        return
    with cluster(is_durable=True) as servers:
        bucket = servers.s3.create_versioned_bucket("takedown")
        places = servers.places()
        yield {**places, "warehouse": f"{bucket}/lake", "releases_bucket": f"{bucket}/releases"}


def _some(services: Services, number: int) -> list[str]:
    """Return contribution_ids that lie far apart."""
    table = load_table(services.catalog)
    paths = sorted(entry.data_file.file_path for entry in newest_entries(table))
    ids: list[str] = []
    for path in paths:
        with table.io.new_input(path).open() as source:
            column = pq.ParquetFile(source).read([ID]).column(0)
        wanted = number * 2 // len(paths) + 1
        ids += column.take(pa.array(range(0, len(column), len(column) // wanted + 1))).to_pylist()
    step = len(ids) / number
    return [ids[int(place * step)] for place in range(number)]


def _measure(services: Services, kind: TakedownKind, names: list[str]) -> pa.Array:
    """Take down, print how long it took, and return the ids of what is gone."""
    before = counts_of(services)
    started = perf_counter()
    cpu_before = process_time()
    services.takedown.service.request(kind, names, reason=None, requested_by="benchmark")
    recorded = perf_counter()
    ids = services.access.taken_down.unfinished_ids()
    services.takedown.service.run()
    ended = perf_counter()
    cpu_s = process_time() - cpu_before
    after = counts_of(services)
    print(
        f"{len(ids)} contributions: recorded in {recorded - started:.1f} s, erased in "
        f"{ended - recorded:.1f} s, {cpu_s:.1f} s of processor time for both; {len(after)} "
        f"snapshots resolve, the newest with {before[-1] - after[-1]} rows less",
        flush=True,
    )
    return ids


def _check(services: Services, before: Rows, gone: pa.Array) -> None:
    """Print what is left of contributions, and whether all else is as it was."""
    rows = rows_of(services)
    different = differing(without(before, gone), rows)
    print(
        f"{len(rows) - len(different)} of {len(rows)} tables, releases and maps have all other "
        f"rows; {check_sums(services)} files of releases have their sums",
        flush=True,
    )
    report = verify(services.settings, [UUID(each) for each in gone.to_pylist()])
    for line in [*(f"not as before: {name}" for name in different), *report.lines()]:
        print(f"  {line}", flush=True)


def _describe(services: Services) -> None:
    stages = COMPUTED_STAGES.values()
    names = [name for stage in stages for name in (stage.rows, stage.dropped)]
    for name in (TABLE_IDENTIFIER, *names):
        table = load_table(services.catalog, name)
        entries = newest_entries(table)
        print(
            f"{name}: {sum(each.data_file.record_count for each in entries)} rows, {len(entries)} "
            f"files, {len(list(live_snapshots(table)))} live snapshots",
            flush=True,
        )


if __name__ == "__main__":
    main()
