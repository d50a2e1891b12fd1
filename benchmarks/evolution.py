"""Migrates a lake of before step 3, and compares its snapshots before and after."""

import tempfile
from time import perf_counter

import _contributions
import click
import pyarrow as pa
from pyiceberg.table import Table

import migrations.lake
import migrations.sql
from app.state.db import Database
from catalog.connection import open_catalog
from catalog.snapshots import Snapshot
from catalog.table import load_table
from tests.old_lakes import append_old, make_old_tables


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
        database = Database(f"sqlite:///{home}/chatlake.db")
        with database.write() as connection:
            migrations.sql.upgrade(connection)
        started = perf_counter()
        steps = migrations.lake.upgrade(catalog, database)
        print(f"{', '.join(steps)}: {perf_counter() - started:.2f} s for {rows} conversations")
        table = load_table(catalog)
        after = [_rows(table, snapshot) for snapshot in snapshots[:: max(1, commits // 5)]]
        is_same = before == after
    print("every snapshot is the same" if is_same else "something has CHANGED")
    raise SystemExit(not is_same)


def _rows(table: Table, snapshot: Snapshot) -> pa.Table:
    rows = table.scan(snapshot_id=snapshot.snapshot_id).to_arrow()
    kept = ["contribution_id", "content_hash", "received_at"]
    return rows.select(kept).sort_by("contribution_id")


if __name__ == "__main__":
    main()
