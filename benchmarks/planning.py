"""Measures planning and the search for orphans on tables of many data files, which are empty."""

import resource
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Final
from uuid import uuid4

import _contributions
import _lake
import click
from pyiceberg.expressions import BooleanExpression, EqualTo
from pyiceberg.manifest import DATA_FILE_TYPE, DataFile
from pyiceberg.table import Table
from pyiceberg.typedef import Record

from app.query.filters import received_between
from catalog.maintenance.orphans import Ages, find_orphans
from catalog.manifests import cache
from catalog.manifests.entries import newest_entries
from catalog.reading.plans import EVERY_ROW, plan
from catalog.schema import SCHEMA
from catalog.snapshots import live_snapshots
from catalog.table import append_batch, load_table

_DAYS: Final = 120
_FIRST_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
_FILES_A_COMMIT: Final = 8_000
_ROUNDS: Final = 5
_RECEIVED_AT: Final = SCHEMA.find_field("received_at").field_id


@click.command()
@click.option("--files", multiple=True, type=int, default=(10_000, 60_000, 120_000))
def main(files: tuple[int, ...]) -> None:
    """Print the times of plans, the first and later ones, and of looking for orphans."""
    for number in files:
        cache.clear()
        with TemporaryDirectory() as home:
            table = _table_of(Path(home), number)
            _measure(table, number)


def _measure(table: Table, files: int) -> None:
    snapshot = next(live_snapshots(table))
    first_day = received_between(_FIRST_DAY, _FIRST_DAY + timedelta(days=1))
    cold_ms = _ms(lambda: plan(table, snapshot))

    def later_ms(condition: BooleanExpression) -> float:
        return median(_ms(lambda: plan(table, snapshot, condition)) for _ in range(_ROUNDS))

    print(f"{files} files: the first plan {cold_ms:.0f} ms, {cold_ms * 1000 / files:.0f} µs a file")
    print(
        f"  a later one: of every file {later_ms(EVERY_ROW):.0f} ms, of a day"
        f" {later_ms(first_day):.1f} ms, of an absent source"
        f" {later_ms(EqualTo('source', 'absent')):.1f} ms"
    )
    ages = Ages(floor=timedelta(hours=1), read_grace=timedelta())
    later = datetime.now(UTC) + timedelta(days=1)
    orphans_ms = _ms(lambda: find_orphans(table, (), (), ages, later))
    print(f"  looking for orphans: {orphans_ms * 1000 / files:.0f} µs a file")
    kept_bytes, peak_kib = (
        cache.cached_bytes(),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    )
    print(
        f"  kept in memory: {kept_bytes / files:.0f} bytes a file, {kept_bytes / 2**20:.0f} MiB;"
        f" the peak of this process {peak_kib / 2**10:.0f} MiB",
        flush=True,
    )


def _ms(work: Callable[[], object]) -> float:
    started = process_time()
    work()
    return (process_time() - started) * 1000


def _table_of(home: Path, files: int) -> Table:
    """Return a table whose data files are copies of one of ten rows, by name only."""
    table = load_table(_lake.make(home).catalog)
    append_batch(table, uuid4(), list(_contributions.make(10)))
    (entry,) = newest_entries(table)
    for start in range(1, files, _FILES_A_COMMIT):
        with (
            table.transaction() as transaction,
            transaction.update_snapshot().fast_append() as append,
        ):
            for number in range(start, min(files, start + _FILES_A_COMMIT)):
                append.append_data_file(_copy(entry.data_file, number, files))
    return table


def _copy(file: DataFile, number: int, files: int) -> DataFile:
    received_at = _FIRST_DAY + timedelta(days=number * _DAYS / files)
    moment = round(received_at.timestamp() * 1_000_000).to_bytes(8, "little")
    path = file.file_path.replace(".parquet", f"-{number}.parquet")
    Path(path.removeprefix("file://")).touch()
    own = {
        "file_path": path,
        "partition": Record((received_at.date() - date(1970, 1, 1)).days),
        "lower_bounds": {**file.lower_bounds, _RECEIVED_AT: moment},
        "upper_bounds": {**file.upper_bounds, _RECEIVED_AT: moment},
    }
    same = {field.name: getattr(file, field.name) for field in DATA_FILE_TYPE[2].fields}
    copied = DataFile.from_args(**{**same, **own})
    copied.spec_id = file.spec_id
    return copied


if __name__ == "__main__":
    main()
