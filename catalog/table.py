"""Writing to the raw table: appending a batch exactly once, and finding it again."""

from collections.abc import Iterable, Sequence
from itertools import chain
from uuid import UUID

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from catalog.columns.arrow import to_arrow
from catalog.errors import BatchSnapshotLost, CommitConflict, TableNotFound
from catalog.records import Contribution
from catalog.schema import BATCH_ID_PROPERTY, LAST_BATCH_ID_PROPERTY, TABLE_IDENTIFIER
from catalog.snapshots import Snapshot, live_snapshots
from catalog.writing.staging import StagedFile, StagedFiles, describe_files, split_row_groups


def load_table(catalog: Catalog, identifier: str = TABLE_IDENTIFIER) -> Table:
    """Load the current state of a table of the lake.

    Args:
        catalog: The catalog with the table.
        identifier: The table's namespace and name; the raw table by default.

    Raises:
        TableNotFound: The migrations have not been run.
    """
    try:
        return catalog.load_table(identifier)
    except NoSuchTableError as error:
        raise TableNotFound(identifier) from error


def append_batch(
    table: Table,
    batch_id: UUID,
    contributions: Sequence[Contribution],
    files: Sequence[StagedFile] = (),
) -> Snapshot:
    """Append a batch in one commit, and return the snapshot that the commit made.

    The caller has to make sure with `find_batch` that the table doesn't hold the batch yet. After
    any exception the outcome is unknown until the caller has looked for the batch again.

    Data files are named after the batch and their bytes depend on it alone, so a second attempt
    overwrites the files of a failed one and leaves no orphans. Manifests must not be named that
    way: pyiceberg removes the manifests of a commit that lost a race, and would remove those of the
    winner if they had the same names.

    Args:
        table: The current state of the table.
        batch_id: Id of the batch.
        contributions: Rows of the batch that are written to new data files.
        files: Staged files with the other rows of the batch; the commit only refers to them.

    Raises:
        CommitConflict: Another commit came first; this one is not in the table.
        BatchSnapshotLost: The commit succeeded, and the table doesn't list its snapshot any more.
    """
    transaction = table.transaction()
    transaction.set_properties({LAST_BATCH_ID_PROPERTY: str(batch_id)})
    producer = transaction.update_snapshot({BATCH_ID_PROPERTY: str(batch_id)}).merge_append()
    with producer as append:
        for data_file in chain(
            _written(table, batch_id, contributions), describe_files(table, files)
        ):
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
    """Write rows to data files that are named after their batch."""
    if not contributions:
        return ()
    # Not by pyiceberg's own writer, which makes empty lists of those in turns that are null.
    files = StagedFiles(table, batch_id)
    groups, rest = split_row_groups(to_arrow(contributions))
    for rows in (*groups, rest):
        files.write(rows)
    return files.describe()


def find_batch(table: Table, batch_id: UUID) -> Snapshot | None:
    """Return the snapshot that added a batch, or None when the table doesn't hold the batch.

    Raises:
        BatchSnapshotLost: The table holds the batch, but its snapshot is no longer live.
    """
    for snapshot in live_snapshots(table):
        if snapshot.batch_id == str(batch_id):
            return snapshot
    if table.properties.get(LAST_BATCH_ID_PROPERTY) == str(batch_id):
        raise BatchSnapshotLost(str(batch_id))
    return None
