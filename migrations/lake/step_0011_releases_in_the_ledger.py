"""Take the tags of releases off the raw table: the registry has the numbers of their snapshots.

Every commit copies the snapshots that tags keep live. Tags of other programs stay, and so do those
of releases that are older than the registry.
"""

from pyiceberg.catalog import Catalog
from sqlalchemy import text

from app.state.db import Database
from catalog.schema import TABLE_IDENTIFIER
from catalog.snapshots import remove_tags

_RELEASED = text(
    "SELECT releases.name, ledger.snapshot_id FROM releases"
    " JOIN ledger ON ledger.sequence_number = releases.sequence_number"
    " WHERE releases.state = 'published'"
)


def upgrade(catalog: Catalog, database: Database) -> None:
    """Remove each tag whose name and snapshot the registry and the ledger have."""
    table = catalog.load_table(TABLE_IDENTIFIER)
    with database.read() as connection:
        released = {row.name: row.snapshot_id for row in connection.execute(_RELEASED)}
    tags = [
        name for name, tag in table.metadata.refs.items() if released.get(name) == tag.snapshot_id
    ]
    remove_tags(table, tags)
