"""Comparing the index of versions and the table `replaced` with what the raw table says.

Either is compared whole, by DuckDB in bounded memory, or by a sample.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table
from sqlalchemy import select

from app.versions.filling import FIND_REPLACED, OpenScratch, load_versions
from app.versions.index import IndexRow, VersionIndex
from app.versions.keys import VersionKey, contribution_id_of
from app.versions.models import IndexedVersion
from app.versions.recording import VERSION_SCHEMA, ErasedVersions, index_rows
from catalog.replaced import REPLACED_IDENTIFIER, read_replaced, replaced_files
from catalog.schema import ID, SEQUENCE_NUMBER
from catalog.table import load_table

if TYPE_CHECKING:
    import duckdb

Place = Literal["index", "replaced"]
"""The index of versions, or the table `replaced`."""
Kind = Literal["lacks", "has wrongly", "repeats"]

_ROWS_AT_A_TIME: Final = 50_000
_INDEX_SCHEMA: Final = pa.schema(
    [
        ("conversation_key", pa.binary()),
        ("content_key", pa.binary()),
        (ID, pa.string()),
        (SEQUENCE_NUMBER, pa.int64()),
    ]
)
_REPLACED_SCHEMA: Final = pa.schema([(ID, pa.string()), (SEQUENCE_NUMBER, pa.int64())])
_ERASED_SCHEMA: Final = pa.schema([(ID, pa.string())])
_EVERY_COMMIT: Final = 2**62
"""A sequence number above all."""

_EXPECTED_REPLACED: Final = f"""
    CREATE TABLE expected_replaced AS
    SELECT contribution_id, replaced_in AS sequence_number FROM ({FIND_REPLACED})
"""  # noqa: S608  # ours
_QUERIES: Final[dict[tuple[Place, Kind], str]] = {
    ("index", "lacks"): """
        SELECT contribution_id FROM expected_index
        WHERE sequence_number <= $until
        EXCEPT SELECT contribution_id FROM
            (FROM expected_index SEMI JOIN indexed
             USING (conversation_key, content_key, contribution_id))
    """,
    ("index", "has wrongly"): """
        SELECT contribution_id FROM
            (FROM indexed ANTI JOIN expected_index
             USING (conversation_key, content_key, contribution_id, sequence_number))
    """,
    ("replaced", "lacks"): """
        SELECT contribution_id FROM
            (FROM expected_replaced ANTI JOIN recorded USING (contribution_id, sequence_number))
        WHERE sequence_number <= $until AND contribution_id NOT IN (FROM erased_ids)
    """,
    ("replaced", "has wrongly"): """
        SELECT contribution_id FROM
            (FROM recorded ANTI JOIN expected_replaced USING (contribution_id, sequence_number))
        WHERE contribution_id NOT IN (FROM erased_ids)
    """,
    ("replaced", "repeats"): """
        SELECT contribution_id FROM recorded GROUP BY contribution_id HAVING count(*) > 1
    """,
}


class Difference(NamedTuple):
    """How the index or the table `replaced` differs from what the raw table says.

    Attributes:
        place: Which of the two differs.
        kind: Whether it lacks contributions, has some that it shouldn't, or has some repeatedly.
        contributions: How many contributions there are of that kind.
        example: The contribution_id of the first of them.
    """

    place: Place
    kind: Kind
    contributions: int
    example: str


def compare(
    index: VersionIndex,
    catalog: Callable[[], Catalog],
    erased: ErasedVersions,
    open_scratch: OpenScratch,
    until: int,
) -> list[Difference]:
    """Compare all of the index and of `replaced` with the raw table; the service may run.

    Args:
        index: The index of versions.
        catalog: Returns the catalog of the tables.
        erased: Knows what was taken down.
        open_scratch: Opens a database in which versions are sorted.
        until: The sequence number of a commit that the ledger has, so that it is recorded.
    """
    with open_scratch() as scratch:
        # In this order, so that the raw table has whatever the others have.
        _fill(scratch, "indexed", _INDEX_SCHEMA, _all_rows(index))
        table = load_table(catalog(), REPLACED_IDENTIFIER)
        _fill(scratch, "recorded", _REPLACED_SCHEMA, _recorded(table))
        load_versions(scratch, load_table(catalog()), erased)
        scratch.execute(_EXPECTED_REPLACED)
        _fill(scratch, "expected_index", _INDEX_SCHEMA, _expected(scratch))
        ids = erased.committed(0, _EVERY_COMMIT).select([ID]).to_batches()
        _fill(scratch, "erased_ids", _ERASED_SCHEMA, iter(ids))
        return list(_differences(scratch, until))


def lacking(index: VersionIndex, rows: Sequence[IndexRow]) -> list[str]:
    """Return the contribution_ids of those of some versions whose keys the index doesn't have."""
    keys = [VersionKey(*row[:2]) for row in rows]
    found = index.find(keys)
    return [
        contribution_id_of(row[2]) for key, row in zip(keys, rows, strict=True) if key not in found
    ]


def some_versions(index: VersionIndex, start: bytes, limit: int) -> list[tuple[str, int]]:
    """Return ids and sequence numbers of versions in the index, from a conversation's key on.

    Args:
        index: The index.
        start: The least key of a conversation, 16 bytes.
        limit: How many versions are returned at most.
    """
    found: list[tuple[str, int]] = []
    conversation = IndexedVersion.conversation_id
    with index.database.read() as connection:
        # From the first key on, after the last one.
        for condition in (conversation >= start, conversation < start):
            query = select(IndexedVersion.contribution_id, IndexedVersion.sequence_number)
            query = query.where(condition).order_by(conversation).limit(limit - len(found))
            rows = connection.execute(query)
            found += [(contribution_id_of(bytes(each)), number) for each, number in rows]
    return found


def _differences(scratch: "duckdb.DuckDBPyConnection", until: int) -> Iterator[Difference]:
    for (place, kind), query in _QUERIES.items():
        counted = f"SELECT count(*), min(contribution_id) FROM ({query})"  # noqa: S608  # ours
        parameters = {"until": until} if "$until" in query else None
        (found,) = scratch.execute(counted, parameters).fetchall()
        if found[0]:
            yield Difference(place, kind, *found)


def _fill(
    scratch: "duckdb.DuckDBPyConnection",
    name: str,
    schema: pa.Schema,
    batches: Iterator[pa.RecordBatch],
) -> None:
    cast = (batch.cast(schema) for batch in batches)
    scratch.register("stream", pa.RecordBatchReader.from_batches(schema, cast))
    scratch.execute(f"CREATE TABLE {name} AS FROM stream")
    scratch.unregister("stream")


def _all_rows(index: VersionIndex) -> Iterator[pa.RecordBatch]:
    columns = IndexedVersion.__table__.columns
    with index.database.read() as connection:
        rows = connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(select(*columns))
        for some in rows.partitions():
            yield _to_batch([(row[0], row[1], row[2], row[3]) for row in some])


def _expected(scratch: "duckdb.DuckDBPyConnection") -> Iterator[pa.RecordBatch]:
    # A cursor of its own, since the connection is writing meanwhile.
    for batch in scratch.cursor().sql("FROM versions").to_arrow_reader(_ROWS_AT_A_TIME):
        yield _to_batch(index_rows(batch.cast(VERSION_SCHEMA), 0))


def _recorded(table: Table) -> Iterator[pa.RecordBatch]:
    for file in replaced_files(table):
        yield from read_replaced(table, file, _REPLACED_SCHEMA.names).to_batches()


def _to_batch(rows: Sequence[IndexRow]) -> pa.RecordBatch:
    columns = (
        [bytes(row[0]) for row in rows],
        [bytes(row[1]) for row in rows],
        [contribution_id_of(bytes(row[2])) for row in rows],
        [row[3] for row in rows],
    )
    arrays = map(pa.array, columns, _INDEX_SCHEMA.types)
    return pa.RecordBatch.from_arrays(list(arrays), schema=_INDEX_SCHEMA)
