"""Measures how long it takes to erase one, a thousand and a contributor's conversations."""

import io
import logging
import tempfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
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
from catalog.scan import count_rows, newest_entries, plan, read
from catalog.schema import CONVERSATION
from catalog.snapshots import Snapshot, live_snapshots
from catalog.stage_tables import replace_files
from catalog.stages import COMPUTED_STAGES, DROPPED_ARROW_SCHEMA
from catalog.staging import StagedFiles
from catalog.table import append_batch, load_table

_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS = 100
_BATCHES_A_DAY = 3
_CONTRIBUTORS = 200
_TEXTS = 50_000
"""Texts that are made up; each serves several conversations, with a word of its own."""
_DROPPED_OF = 10
_SYNC_BYTES = 16


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Conversations of the lake.")
@click.option("--home", type=click.Path(path_type=Path), help="Where the lake is kept.")
@click.option(
    "--stages",
    type=click.Choice(["copied", "curated", "none"]),
    default="copied",
    show_default=True,
    help="How the stages get their rows: copied from the raw table with made-up measures, which "
    "takes a minute, or by curating, which may take an hour.",
)
@click.option("--contributor", default=7, show_default=True, help="Number of the one who goes.")
def main(rows: int, home: Path | None, stages: str, contributor: int) -> None:
    """Make a lake, take down from it, and look for what was taken down in every file."""
    logging.basicConfig(format="  %(message)s")
    logging.getLogger("app.takedown").setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as scratch:
        folder = home or Path(scratch) / "lake"
        services = _lake.make(folder, takedown_grace_s=0)
        if load_table(services.catalog).current_snapshot() is None:
            _fill(services, rows)
        if load_table(services.catalog, COMPUTED_STAGES["curated"].rows).current_snapshot() is None:
            _fill_stages(services, folder, stages)
        _describe(services)
        first, *thousand = _some(services, 1_001)
        _measure(services, folder, "contribution", [first])
        _measure(services, folder, "contribution", thousand)
        _measure(services, folder, "contributor", [f"contributor {contributor}"])
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


def _fill_stages(services: Services, folder: Path, stages: str) -> None:
    started = perf_counter()
    if stages == "copied":
        _copy_to_stages(services)
    elif stages == "curated":
        curate(folder)
    print(f"stages are {stages}, in {perf_counter() - started:.0f} s", flush=True)


def _copy_to_stages(services: Services) -> None:
    """Fill the tables of the stages file by file; every tenth row is dropped for the one before."""
    raw = load_table(services.catalog)
    files = plan(raw, _newest(services))
    for stage in COMPUTED_STAGES.values():
        rows, dropped = (load_table(services.catalog, name) for name in (stage.rows, stage.dropped))
        kept_files, dropped_files = (StagedFiles(table, uuid4()) for table in (rows, dropped))
        schema = stage.arrow_schema
        for file in files:
            read_rows = pa.Table.from_batches(read(raw, [file])).combine_chunks()
            is_dropped = pa.array(
                place % _DROPPED_OF == _DROPPED_OF - 1 for place in range(read_rows.num_rows)
            )
            kept_files.write(_measured(read_rows.filter(pc.invert(is_dropped)), schema))
            kept_files.end_file()
            dropped_files.write(_dropped(read_rows, is_dropped))
            dropped_files.end_file()
        for table, staged in ((rows, kept_files), (dropped, dropped_files)):
            replace_files(table, lambda _: True, staged.finish(), {})


def _measured(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows of a stage: what the raw table has, and zeros for what is measured."""
    return pa.table([_column(rows, field) for field in schema], schema=schema)


def _column(rows: pa.Table, field: pa.Field) -> pa.Array:
    if field.name == CONVERSATION:
        turns = rows[field.name].combine_chunks()
        values = turns.flatten()
        given = {each.name for each in values.type}
        fields = [
            values.field(each.name).cast(each.type)
            if each.name in given and each.name != "alternatives"
            else pa.nulls(len(values), each.type)
            for each in field.type.value_type
        ]
        structs = pa.StructArray.from_arrays(fields, fields=list(field.type.value_type))
        return pa.LargeListArray.from_arrays(turns.offsets, structs, type=field.type)
    if field.name in rows.column_names:
        return rows[field.name].combine_chunks().cast(field.type)
    if field.nullable:
        return pa.nulls(rows.num_rows, field.type)
    return pa.array([_nothing(field.type)] * rows.num_rows, field.type)


def _nothing(kind: pa.DataType) -> object:
    if pa.types.is_struct(kind):
        return {field.name: _nothing(field.type) for field in kind}
    if pa.types.is_large_list(kind) or pa.types.is_list(kind):
        return []
    return "und" if pa.types.is_large_string(kind) else 0


def _dropped(rows: pa.Table, is_dropped: pa.Array) -> pa.Table:
    ids = rows["contribution_id"].combine_chunks()
    dropped = rows.filter(is_dropped)
    kept = ids.filter(pa.array(place % _DROPPED_OF == _DROPPED_OF - 2 for place in range(len(ids))))
    kept = kept.slice(0, dropped.num_rows)
    columns = {
        "contribution_id": dropped["contribution_id"],
        "received_at": dropped["received_at"],
        "reason": pa.array(["near_duplicate"] * dropped.num_rows, pa.large_string()),
        "kept_id": kept,
    }
    return pa.table(
        [
            columns.get(field.name, pa.nulls(dropped.num_rows, field.type))
            for field in DROPPED_ARROW_SCHEMA
        ],
        schema=DROPPED_ARROW_SCHEMA,
    )


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
    cpu_before = process_time()
    services.takedown.request(kind, names, reason=None, requested_by="benchmark")
    recorded = perf_counter()
    ids = services.takedowns.unfinished_ids()
    services.takedown.run()
    ended = perf_counter()
    cpu_s = process_time() - cpu_before
    found = sum(_holds(path, ids) for path in home.rglob("*") if path.is_file())
    after = _counts(services)
    files = sum(1 for _ in home.rglob("*"))
    print(
        f"{len(ids)} contributions: recorded in {recorded - started:.1f} s, erased in "
        f"{ended - recorded:.1f} s, {cpu_s:.1f} s of processor time for both; {found} of {files} "
        f"files hold one; {len(after)} snapshots resolve, the newest with "
        f"{before[-1] - after[-1]} rows less",
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
