"""What was replaced as of a snapshot, worked out anew from every key of the lake.

It is how each worker found it before the committer wrote it down.
"""

import duckdb
import pyarrow as pa

from app.services import Services
from catalog.reading.plans import plan
from catalog.reading.scan import read, schema_of
from catalog.replaced import REPLACED_IDENTIFIER, read_replaced, replaced_files
from catalog.snapshots import Snapshot
from catalog.table import load_table

_KEYS = ("contribution_id", "conversation_id", "sequence_number")
_REPLACED = """
    SELECT contribution_id, replaced_in FROM (
        SELECT contribution_id, lead(sequence_number) OVER (
            PARTITION BY conversation_id ORDER BY sequence_number, contribution_id
        ) AS replaced_in
        FROM (FROM committed UNION SELECT * FROM erased)
        WHERE conversation_id <> contribution_id
    )
    WHERE replaced_in IS NOT NULL
"""


def replaced_in_lake(services: Services, snapshot: Snapshot) -> dict[str, int]:
    """Return the number of the commit that replaced each contribution, up to a snapshot."""
    table = load_table(services.catalog)
    rows = read(table, plan(table, snapshot), _KEYS)
    committed = pa.Table.from_batches(rows, schema_of(_KEYS))
    erased = services.access.taken_down.committed(0, snapshot.sequence_number).select(_KEYS)
    with duckdb.connect() as connection:
        connection.register("committed", committed)
        connection.register("erased", erased)
        return dict(connection.sql(_REPLACED).fetchall())


def recorded_as_replaced(services: Services) -> dict[str, int]:
    """Return the number of the commit that replaced each contribution, as the table has it."""
    table = load_table(services.catalog, REPLACED_IDENTIFIER)
    rows = [
        (row["contribution_id"], row["sequence_number"])
        for file in replaced_files(table)
        for row in read_replaced(table, file).to_pylist()
    ]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def index_of(services: Services) -> list[tuple[object, ...]]:
    """Return the versions in the index, in order."""
    with services.versions.index.database.read() as connection:
        versions = connection.exec_driver_sql("SELECT * FROM versions").all()
    return sorted(tuple(row) for row in versions)
