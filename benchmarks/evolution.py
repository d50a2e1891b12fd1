"""Migrates a lake of before step 3, and compares its snapshots before and after."""

import tempfile
from pathlib import Path
from time import perf_counter

import _contributions
import click
import pyarrow as pa
from pyiceberg.table import Table

import migrations.lake
from catalog.connection import open_catalog
from catalog.scan import plan, read
from catalog.snapshots import Snapshot
from catalog.table import load_table
from tests.old_lakes import append_old, in_first_columns, make_old_tables


@click.command()
@click.option("--rows", default=100_000, show_default=True)
@click.option("--commits", default=20, show_default=True)
def main(rows: int, commits: int) -> None:
    """Make the lake, migrate it, and exit with 1 if a snapshot or a data file has changed."""
    with tempfile.TemporaryDirectory() as home:
        catalog = open_catalog(f"sqlite:///{home}/catalog.db", f"file://{home}/warehouse")
        make_old_tables(catalog)
        table = load_table(catalog)
        snapshots = [
            append_old(table, list(_contributions.make(rows // commits))) for _ in range(commits)
        ]
        before = [_rows(table, snapshot) for snapshot in snapshots[:: max(1, commits // 5)]]
        files = _files(Path(home))
        started = perf_counter()
        steps = migrations.lake.upgrade(catalog, database)
        print(f"{', '.join(steps)}: {perf_counter() - started:.2f} s for {rows} conversations")
        table = load_table(catalog)
        after = [_rows(table, snapshot) for snapshot in snapshots[:: max(1, commits // 5)]]
        is_same = before == after and files == _files(Path(home))
    print("every snapshot and file is the same" if is_same else "something has CHANGED")
    raise SystemExit(not is_same)


def _rows(table: Table, snapshot: Snapshot) -> pa.Table:
    batches = read(table, plan(table, snapshot))
    return in_first_columns(pa.Table.from_batches(batches))


def _files(home: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in home.glob("warehouse/**/*.parquet")}


if __name__ == "__main__":
    main()
