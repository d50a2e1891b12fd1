"""Replacing data files by others with the same rows, in one commit."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.manifest import DataFile as IcebergDataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update.snapshot import _OverwriteFiles

from catalog.connection import turn_of
from catalog.errors import CommitConflict
from catalog.scan import newest_entries
from catalog.snapshots import Snapshot, describe, live_snapshot

_ATTEMPTS: Final = 20


class _ReplaceFiles(_OverwriteFiles):
    """pyiceberg's overwrite under the operation that says that the rows stay the same.

    It knows the word, and writes no such summary: https://iceberg.apache.org/spec/#snapshots
    """

    def _summary(self, snapshot_properties: Mapping[str, str] | None = None) -> Summary:
        summary = super()._summary(dict(snapshot_properties or {}))
        return Summary(Operation.REPLACE, **summary.additional_properties)


def replace_files(
    table: Table, paths: Collection[str], replacements: Sequence[IcebergDataFile]
) -> Snapshot | None:
    """Replace data files in one commit, on the newest table; None when one of them isn't there.

    Commits of this process wait for it, or a busy committer would always come first. An append of
    another process that does makes the commit fail, which leaves nothing of it in the table; then
    it is made again on the newer table, with the same data files. After any other exception the
    outcome is unknown.

    Raises:
        CommitConflict: Another writer kept committing first; nothing is replaced.
    """
    for _ in range(_ATTEMPTS):
        with turn_of(table):
            table.refresh()
            files = {entry.data_file.file_path: entry.data_file for entry in newest_entries(table)}
            if not files.keys() >= set(paths):
                return None
            try:
                snapshot_id = _commit(table, [files[path] for path in paths], replacements)
            except CommitFailedException:
                continue
        return describe(live_snapshot(table, snapshot_id))
    raise CommitConflict(_ATTEMPTS)


def _commit(
    table: Table, replaced: Sequence[IcebergDataFile], replacements: Sequence[IcebergDataFile]
) -> int:
    transaction = table.transaction()
    producer = _ReplaceFiles(Operation.OVERWRITE, transaction, table.io)
    with producer as replace:
        for data_file in replaced:
            replace.delete_data_file(data_file)
        for data_file in replacements:
            replace.append_data_file(data_file)
    transaction.commit_transaction()
    return producer.snapshot_id
