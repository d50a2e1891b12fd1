"""What a lake gives out, row by row: to tell whether all else is as before a takedown."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.maps.clusters.levels import LEVELS
from app.maps.description import POINTS_FILE
from app.releases.files.published_rows import PublishedFile, published_files, schema_of
from app.releases.manifest import SUMS_FILE, Manifest, decode_sums
from app.releases.rows.optional_fields import arrow_schema
from app.services import Services
from app.state import ledger
from catalog.manifests.entries import newest_entries
from catalog.reading.plans import plan
from catalog.reading.scan import count_rows
from catalog.schema import ID, TABLE_IDENTIFIER
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table

_DUCKDB: Final = duckdb.connect()
_MENTION: Final = "kept_id"
_CLUSTERS: Final = [level.column for level in LEVELS]
"""The names of a map's clusters, which are made of the texts that are left."""
_ID_IN_LINE: Final = re.compile(rb'"contribution_id": ?"([^"]+)"')
_SCHEMA: Final = pa.schema([(ID, pa.string()), (_MENTION, pa.string()), ("digest", pa.uint64())])

Rows = dict[str, pa.Table]
"""The rows of each table, release and map: whose each is, whom it mentions, and a digest."""


def rows_of(services: Services) -> Rows:
    """Return the rows of the tables, each release by format and split, and of each map."""
    rows: Rows = {}
    stages = COMPUTED_STAGES.values()
    tables = [name for stage in stages for name in (stage.rows, stage.dropped)]
    for name in (TABLE_IDENTIFIER, *tables):
        rows |= _of_table(services, name)
    for manifest in services.publishing.releases.all():
        rows |= _of_release(services, manifest)
    for described in services.publishing.maps.all():
        points = pq.read_table(services.publishing.maps.file(described.name, POINTS_FILE))
        rows[f"map {described.name}"] = _digested(points.drop_columns(_CLUSTERS))
    return rows


def without(rows: Rows, ids: pa.Array) -> Rows:
    """Return rows as they are to be once some contributions have been taken down."""
    wanted = ids.cast(pa.string())
    left = {}
    for name, of_name in rows.items():
        named = pc.is_in(of_name[ID], wanted)
        mentioned = pc.is_in(of_name[_MENTION], wanted)
        left[name] = of_name.filter(pc.invert(pc.or_(named, mentioned)))
    return left


def differing(rows: Rows, other: Rows) -> list[str]:
    """Return the names of the places whose rows differ."""
    names = sorted({*rows, *other})
    return [name for name in names if rows.get(name) != other.get(name)]


def check_sums(services: Services) -> int:
    """Return the number of files of releases, each of which has the sum that is published.

    Raises:
        ValueError: A file has another sum.
    """
    files = 0
    for manifest in services.publishing.releases.all():
        filesystem, folder = services.publishing.releases.store.filesystem(manifest.name)
        with filesystem.open_input_file(f"{folder}/{SUMS_FILE}") as stream:
            sums = decode_sums(stream.read())
        for path, expected in sums.items():
            with filesystem.open_input_file(f"{folder}/{path}") as stream:
                if hashlib.sha256(stream.read()).hexdigest() != expected:
                    raise ValueError(f"{manifest.name}/{path} has another sum")
        files += len(sums)
    return files


def counts_of(services: Services) -> list[int]:
    """Return the number of rows of each snapshot, oldest first.

    Raises:
        ValueError: The ledger has another number.
    """
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


def _of_table(services: Services, name: str) -> Rows:
    table = load_table(services.catalog, name)
    found, mentions = [_SCHEMA.empty_table()], [_SCHEMA.empty_table()]
    for path in sorted(entry.data_file.file_path for entry in newest_entries(table)):
        with table.io.new_input(path).open() as source:
            rows = pq.ParquetFile(source).read()
        if _MENTION in rows.column_names:
            mentioned = rows.select([ID, _MENTION])
            mentions.append(_digested(mentioned.filter(pc.is_valid(rows[_MENTION])), _MENTION))
            rows = rows.drop_columns([_MENTION])
        found.append(_digested(rows))
    in_order = [(ID, "ascending")]
    made = {name: pa.concat_tables(found), f"{name}, {_MENTION}": pa.concat_tables(mentions)}
    return {place: rows.sort_by(in_order).combine_chunks() for place, rows in made.items()}


def _of_release(services: Services, manifest: Manifest) -> Rows:
    filesystem, folder = services.publishing.releases.store.filesystem(manifest.name)
    found: Rows = {}
    for each in published_files(manifest, filesystem, folder):
        name = f"release {manifest.name}, {each.file.format}, {each.file.split}"
        before = found.get(name, _SCHEMA.empty_table())
        found[name] = pa.concat_tables([before, *_of_file(each, manifest)])
    return {name: rows.combine_chunks() for name, rows in found.items()}


def _of_file(file: PublishedFile, manifest: Manifest) -> Iterator[pa.Table]:
    if file.file.format == "parquet":
        for batch in file.rows(arrow_schema(schema_of(manifest))):
            yield _digested(pa.Table.from_batches([batch]))
        return
    with file.lines() as lines:
        yield pa.Table.from_pylist(list(map(_of_line, lines)), _SCHEMA)


def _of_line(line: bytes) -> dict[str, Any]:
    named = _ID_IN_LINE.search(line)
    digest = int.from_bytes(hashlib.blake2b(line, digest_size=8).digest())
    return {ID: named.group(1).decode() if named else None, "digest": digest}


def _digested(rows: pa.Table, *mentions: str) -> pa.Table:
    """Return whose each row is, whom it mentions, and a digest of all of its columns."""
    mentioned = mentions[0] if mentions else "NULL"
    query = f"SELECT {ID}, {mentioned}::VARCHAR AS {_MENTION}, hash(rows) AS digest FROM rows"
    return _DUCKDB.register("rows", rows).sql(query).to_arrow_table().cast(_SCHEMA)
