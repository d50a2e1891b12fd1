"""Measures how long the ledger takes to tell the snapshot of a time, beside the query of before."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TypeVar

import click
from sqlalchemy import Connection, insert, select

import migrations.sql
from app.state import ledger, ledger_changes
from app.state.db import Database
from app.state.models import LedgerEntry
from catalog.snapshots import Snapshot

_START = datetime(2026, 1, 1, tzinfo=UTC)
_INTERVAL = timedelta(seconds=2)
_LOOK_UPS = 200
_SCANS = 5

T = TypeVar("T")


@click.command()
@click.option("--snapshots", default=1_000_000, show_default=True, help="Entries of the ledger.")
@click.option("--url", help="An empty database; one of SQLite in a temporary folder by default.")
def main(snapshots: int, url: str | None) -> None:
    """Fill a ledger with a commit every two seconds, and print medians in milliseconds."""
    with TemporaryDirectory() as folder:
        database = Database(url or f"sqlite:///{Path(folder)}/ledger.db")
        with database.write() as connection:
            migrations.sql.upgrade(connection)
            rows = (_row(number) for number in range(snapshots))
            while some := [row for row, _ in zip(rows, range(10_000), strict=False)]:
                connection.execute(insert(LedgerEntry), some)
        chance = Random(1)  # noqa: S311  # any will do
        moments = [_START + chance.random() * snapshots * _INTERVAL for _ in range(_LOOK_UPS)]
        with database.read() as connection:
            print(f"as_of, {snapshots} snapshots: {_ms(connection, ledger.as_of, moments):.3f} ms")
            scanned = _ms(connection, _scan, moments[:_SCANS])
            print(f"the same by scanning the numbers downwards: {scanned:.1f} ms")
        with database.write() as connection:
            more = range(snapshots, snapshots + _LOOK_UPS)
            recorded = _ms(connection, _record, more)
        print(f"recording one more, without its sync: {recorded:.3f} ms")
        database.dispose()


def _snapshot(number: int) -> dict[str, Any]:
    return {
        "snapshot_id": number + 1,
        "sequence_number": number + 1,
        "committed_at": _START + number * _INTERVAL,
        "operation": "append",
        "batch_id": str(number),
        "added_rows": 1,
        "total_rows": number,
        "added_files": 1,
        "added_bytes": 1,
    }


def _row(number: int) -> dict[str, Any]:
    return {**_snapshot(number), "as_of_from": _START + number * _INTERVAL}


def _scan(connection: Connection, moment: datetime) -> object:
    query = select(LedgerEntry.__table__).where(LedgerEntry.committed_at <= moment)
    return connection.execute(query.order_by(LedgerEntry.sequence_number.desc()).limit(1)).first()


def _record(connection: Connection, number: int) -> None:
    ledger_changes.record(connection, [Snapshot(**_snapshot(number))])


def _ms(
    connection: Connection, ask: Callable[[Connection, T], object], questions: Iterable[T]
) -> float:
    times = []
    for question in questions:
        started = perf_counter()
        ask(connection, question)
        times.append((perf_counter() - started) * 1000)
    return median(times)


if __name__ == "__main__":
    main()
