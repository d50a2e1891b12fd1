"""Measures how long it takes to erase one, a thousand and a contributor's conversations."""

import io
import logging
import tempfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from uuid import uuid4

import _contributions
import _lake
import click
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from _curate import curate
from msgspec.structs import replace

from app.access.takedowns import TakedownKind
from app.services import Services
from app.state import ledger
from catalog.records import Contribution
from catalog.scan import count_rows, newest_entries, plan
from catalog.snapshots import Snapshot, live_snapshots
from catalog.stages import COMPUTED_STAGES
from catalog.table import append_batch, load_table

_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS = 100
_BATCHES_A_DAY = 3
_CONTRIBUTORS = 200
_TEXTS = 50_000
"""Texts that are made up; each serves several conversations, with a word of its own."""
_SYNC_BYTES = 16


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Conversations of the lake.")
@click.option("--home", type=click.Path(path_type=Path), help="Where the lake is kept.")
@click.option("--stages/--no-stages", default=True, show_default=True, help="Curate it first.")
def main(rows: int, home: Path | None, stages: bool) -> None:
    """Make a lake, take down from it, and look for what was taken down in every file."""
    logging.basicConfig(format="  %(message)s")
    logging.getLogger("app.takedown").setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as scratch:
        folder = home or Path(scratch) / "lake"
        services = _lake.make(folder, takedown_grace_s=0)
        if load_table(services.catalog).current_snapshot() is None:
            _fill(services, rows)
            if stages:
                services.close()
                build = curate(folder)
                print(f"curated in {build.seconds:.0f} s, {build.rows} rows kept", flush=True)
        _describe(services)
        first, *thousand = _some(services, 1_001)
        _measure(services, folder, "contribution", [first])
        _measure(services, folder, "contribution", thousand)
        _measure(services, folder, "contributor", ["contributor 7"])
        _describe(services)
        services.close()


def _fill(services: Services, rows: int) -> None:
    started = perf_counter()
    texts = [[turn.content for turn in made.conversation] for made in _contributions.make(_TEXTS)]
    batches = _DAYS * _BATCHES_A_DAY
    in_batch = rows // batches
    table = load_table(services.catalog)
    for number in range(batches):
        since = _FIRST_DAY + timedelta(days=1) * number / _BATCHES_A_DAY
        made = [
            _received(texts, number * in_batch + row, since + row * timedelta(milliseconds=20))
            for row in range(in_batch)
        ]
        snapshot = append_batch(table, uuid4(), made)
        with services.database.write() as connection:
            ledger.record(connection, [snapshot])
        if number % _BATCHES_A_DAY == 0:
            services.maintenance().thin()
            table = load_table(services.catalog)
    print(f"{rows} conversations in {perf_counter() - started:.0f} s", flush=True)


def _received(texts: list[list[str]], number: int, moment: datetime) -> Contribution:
    first, *others = texts[number % len(texts)]
    made = _contributions.of_texts([f"{first} word{number}", *others], moment)
    return replace(made, contributor_id=f"contributor {number % _CONTRIBUTORS}")


def _some(services: Services, number: int) -> list[str]:
    """Return contribution_ids that lie far apart."""
    table = load_table(services.catalog)
    files = plan(table, _newest(services))
    ids: list[str] = []
    for file in files:
        with table.io.new_input(file.path).open() as source:
            column = pq.ParquetFile(source).read(["contribution_id"]).column(0)
        wanted = number * 2 // len(files) + 1
        ids += column.take(pa.array(range(0, len(column), len(column) // wanted + 1))).to_pylist()
    step = len(ids) / number
    return [ids[int(place * step)] for place in range(number)]


def _newest(services: Services) -> Snapshot:
    with services.database.read() as connection:
        newest = ledger.newest(connection)
    if newest is None:
        raise LookupError("the lake is empty")
    return newest


def _measure(services: Services, home: Path, kind: TakedownKind, names: list[str]) -> None:
    before = _counts(services)
    started = perf_counter()
    services.takedown.request(kind, names, reason=None, requested_by="benchmark")
    recorded = perf_counter()
    ids = services.takedowns.unfinished_ids()
    services.takedown.run()
    ended = perf_counter()
    found = sum(_holds(path, ids) for path in home.rglob("*") if path.is_file())
    after = _counts(services)
    print(
        f"{len(ids)} contributions: recorded in {recorded - started:.1f} s, erased in "
        f"{ended - recorded:.1f} s; {found} of {sum(1 for _ in home.rglob('*'))} files hold one; "
        f"{len(after)} snapshots resolve, the newest with {before[-1] - after[-1]} rows less",
        flush=True,
    )


def _counts(services: Services) -> list[int]:
    """Return the number of rows of each snapshot, which the ledger has to agree with."""
    table = load_table(services.catalog)
    with services.database.read() as connection:
        snapshots = ledger.page(connection, 1_000_000)[::-1]
    counts = []
    for snapshot in snapshots:
        rows = count_rows(table, plan(table, snapshot))
        if rows != snapshot.total_rows:
            raise ValueError(f"{snapshot} has {rows} rows")
        counts.append(rows)
    return counts


def _holds(path: Path, ids: pa.Array) -> bool:
    """Tell whether a file names one of some contributions, other than as taken down."""
    if path.suffix == ".parquet":
        file = pq.ParquetFile(path)
        columns = [
            name for name in ("contribution_id", "kept_id") if name in file.schema_arrow.names
        ]
        rows = file.read(columns)
        return any(pc.any(pc.is_in(rows[name], ids)).as_py() or False for name in columns)
    if path.suffix != ".avro":
        return False
    content = b"\n".join(_blocks(path.read_bytes()))
    return any(each.encode() in content for each in ids.to_pylist())


def _blocks(content: bytes) -> Iterator[bytes]:
    """Yield the blocks of an Avro file, inflated."""
    _, *blocks = content.split(content[-_SYNC_BYTES:])
    for block in filter(None, blocks):
        source = io.BytesIO(block)
        for _ in range(2):
            while source.read(1)[0] & 0x80:
                pass
        yield zlib.decompress(source.read(), wbits=-15)


def _describe(services: Services) -> None:
    table = load_table(services.catalog)
    names = [name for stage in COMPUTED_STAGES.values() for name in (stage.rows, stage.dropped)]
    for name in (".".join(table.name()), *names):
        table = load_table(services.catalog, name)
        entries = newest_entries(table)
        print(
            f"{name}: {sum(each.data_file.record_count for each in entries)} rows, {len(entries)} "
            f"files, {len(list(live_snapshots(table)))} live snapshots",
            flush=True,
        )


if __name__ == "__main__":
    main()
