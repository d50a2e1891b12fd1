"""Replacing data files by others with the same rows, in one commit."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.manifest import DataFile as IcebergDataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update.snapshot import _OverwriteFiles

from catalog.connection import commit_lock_of
from catalog.errors import CommitConflict
from catalog.manifests.entries import entries_of
from catalog.snapshots import Snapshot, live_snapshot, to_snapshot

_ATTEMPTS: Final = 20


class _ReplaceFiles(_OverwriteFiles):
    """pyiceberg's overwrite with the operation `replace`, which says that the rows stay the same.

    pyiceberg itself has no update with this operation: https://iceberg.apache.org/spec/#snapshots
    """

    def _summary(self, snapshot_properties: Mapping[str, str] | None = None) -> Summary:
        summary = super()._summary(dict(snapshot_properties or {}))
        return Summary(Operation.REPLACE, **summary.additional_properties)


def replace_compacted(
    table: Table,
    paths: Collection[str],
    replacements: Sequence[IcebergDataFile],
    properties: Callable[[Table], Mapping[str, str]] = lambda _: {},
) -> Snapshot | None:
    """Replace data files of the newest table in one commit.

    Other commits of this process wait meanwhile; otherwise a busy committer would always come
    first. When a commit of another process comes first, this one fails without leaving anything in
    the table, and is repeated on the newer table with the same files. After any exception but
    `CommitConflict` the outcome is unknown.

    Args:
        table: A table of the lake, which is reloaded.
        paths: URLs of the data files to replace.
        replacements: Iceberg's descriptions of the new data files.
        properties: Returns the properties of the new snapshot of a newest table.

    Returns:
        The new snapshot; None when the table no longer has one of the files.

    Raises:
        CommitConflict: Another writer kept committing first; nothing is replaced.
    """
    for _ in range(_ATTEMPTS):
        with commit_lock_of(table):
            table.refresh()
            newest = table.current_snapshot()
            entries = entries_of(table, newest, set(paths)) if newest else []
            if len(entries) < len(set(paths)):
                return None
            try:
                replaced = [each.data_file for each in entries]
                snapshot_id = _commit(table, replaced, replacements, properties(table))
            except CommitFailedException:
                continue
        return to_snapshot(live_snapshot(table, snapshot_id))
    raise CommitConflict(_ATTEMPTS)


def _commit(
    table: Table,
    replaced: Sequence[IcebergDataFile],
    replacements: Sequence[IcebergDataFile],
    properties: Mapping[str, str],
) -> int:
    transaction = table.transaction()
    producer = _ReplaceFiles(
        Operation.OVERWRITE, transaction, table.io, snapshot_properties=dict(properties)
    )
    with producer as replace:
        for data_file in replaced:
            replace.delete_data_file(data_file)
        for data_file in replacements:
            replace.append_data_file(data_file)
    transaction.commit_transaction()
    return producer.snapshot_id
