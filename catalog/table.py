"""Writing to the raw table: append a batch exactly once, and find it again."""

from collections.abc import Iterable, Sequence
from itertools import chain
from uuid import UUID

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from catalog.arrow import to_arrow
from catalog.errors import BatchSnapshotLost, CommitConflict, TableNotFound
from catalog.records import Contribution
from catalog.schema import BATCH_ID_PROPERTY, LAST_BATCH_ID_PROPERTY, TABLE_IDENTIFIER
from catalog.snapshots import Snapshot, live_snapshots
from catalog.staging import StagedFile, described


def load_table(catalog: Catalog) -> Table:
    """Return the raw table as it is now.

    Raises:
        TableNotFound: The migrations have not made it.
    """
    try:
        return catalog.load_table(TABLE_IDENTIFIER)
    except NoSuchTableError as error:
        raise TableNotFound(TABLE_IDENTIFIER) from error


def append_batch(
    table: Table,
    batch_id: UUID,
    contributions: Sequence[Contribution],
    files: Sequence[StagedFile] = (),
) -> Snapshot:
    """Append a batch in one commit, and return the snapshot that it made.

    Args:
        table: The table as it is now.
        batch_id: The batch.
        contributions: Its rows.
        files: Data files that belong to it too. They are only referred to, never written.

    The caller has made sure by `find_batch` that the table doesn't hold the batch yet. After any
    exception the outcome is unknown until it has looked again.

    The data files are named by the batch, and their bytes follow from it: an attempt that comes
    after a failed one writes the same files over, and leaves no orphans behind. The manifests must
    not be named so: pyiceberg removes those of a commit that lost a race, and the winner's with
    them if they had the same names.

    Raises:
        CommitConflict: Another commit came first; this one is not in the table.
    """
    transaction = table.transaction()
    transaction.set_properties({LAST_BATCH_ID_PROPERTY: str(batch_id)})
    producer = transaction.update_snapshot({BATCH_ID_PROPERTY: str(batch_id)}).merge_append()
    with producer as append:
        for data_file in chain(_written(table, batch_id, contributions), described(table, files)):
            append.append_data_file(data_file)
    try:
        transaction.commit_transaction()
    except CommitFailedException as error:
        raise CommitConflict(1) from error
    snapshot = find_batch(table, batch_id)
    if snapshot is None:
        raise BatchSnapshotLost(str(batch_id))
    return snapshot


def _written(
    table: Table, batch_id: UUID, contributions: Sequence[Contribution]
) -> Iterable[DataFile]:
    """Write rows to data files that are named by their batch."""
    if not contributions:
        return ()
    rows = to_arrow(contributions)
    return _dataframe_to_data_files(table.metadata, rows, table.io, write_uuid=batch_id)


def find_batch(table: Table, batch_id: UUID) -> Snapshot | None:
    """Return the snapshot that added a batch, or None when the table doesn't hold it.

    Raises:
        BatchSnapshotLost: The table holds it, but its snapshot is no longer live.
    """
    for snapshot in live_snapshots(table):
        if snapshot.batch_id == str(batch_id):
            return snapshot
    if table.properties.get(LAST_BATCH_ID_PROPERTY) == str(batch_id):
        raise BatchSnapshotLost(str(batch_id))
    return None
