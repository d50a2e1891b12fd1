"""Builds of the stages: what each was computed from, and the commit that it ends with."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Table, TableProperties
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.table.update.snapshot import _ManifestMergeManager, _OverwriteFiles

from catalog.errors import CommitConflict
from catalog.manifests.entries import entries_of
from catalog.snapshots import commit_on_newest, live_snapshot, live_snapshots
from catalog.stages.files import stage_files
from catalog.stages.tables import SOURCE_SNAPSHOT_PROPERTY
from catalog.writing.staging import StagedFile, describe_files

MOST_SMALL_MANIFESTS: Final = 100
"""Number of manifests from which they are merged."""


def source_of(table: Table, snapshot_id: int | None = None) -> int | None:
    """Return the id of the raw table's snapshot that a stage was computed from.

    Args:
        table: A table of a stage.
        snapshot_id: A snapshot of that table; None for the newest.

    Returns:
        The raw snapshot's id; None when no build has written the stage's snapshot.

    Raises:
        SnapshotNotFound: No live snapshot of the table has the id.
    """
    snapshot = (
        table.current_snapshot() if snapshot_id is None else live_snapshot(table, snapshot_id)
    )
    source = _properties(snapshot).get(SOURCE_SNAPSHOT_PROPERTY)
    return int(source) if source else None


def builds(table: Table) -> Iterator[tuple[int, int]]:
    """Yield the live snapshots of a table of a stage that a build wrote, newest first.

    Args:
        table: A table of a stage.

    Yields:
        The id of the snapshot, and that of the raw table's snapshot that it was computed from.
    """
    for snapshot in live_snapshots(table):
        source_id = source_of(table, snapshot.snapshot_id)
        if source_id is not None:
            yield snapshot.snapshot_id, source_id


def newest_build(table: Table, source_id: int | None = None) -> int | None:
    """Return the id of the newest live snapshot that a build of a stage wrote; None without one.

    Args:
        table: A table of a stage.
        source_id: The raw table's snapshot that it must be computed from; None for any.
    """
    return next((build for build, source in builds(table) if source_id in (None, source)), None)


def has_properties(table: Table, properties: Mapping[str, str]) -> bool:
    """Tell whether the newest snapshot of a table of a stage has properties with these values."""
    return properties.items() <= _properties(table.current_snapshot()).items()


def _properties(snapshot: IcebergSnapshot | None) -> Mapping[str, str]:
    return snapshot.summary.additional_properties if snapshot and snapshot.summary else {}


def replace_files(
    table: Table,
    is_replaced: Callable[[datetime], bool],
    files: Iterable[StagedFile],
    properties: Mapping[str, str],
) -> int:
    """Replace data files in one commit; other files stay as they are.

    A failure or a kill leaves the table as it was before or as it is after, never between. When
    another writer tagged a snapshot meanwhile, the commit is repeated. When it wrote rows, the
    commit fails: builds hold a lock, so no other writer should.

    Args:
        table: A table of a stage, which is reloaded.
        is_replaced: Tells whether a file is removed, by the time at which its first row was
            received.
        files: The new files.
        properties: Properties of the new snapshot.

    Returns:
        The id of the new snapshot, which is made even when there is nothing to replace.

    Raises:
        CommitConflict: Another writer wrote rows meanwhile; nothing is replaced.
    """
    added = list(describe_files(table, files))
    bases: list[IcebergSnapshot | None] = []
    made: list[int] = []

    def replace() -> None:
        bases.append(table.current_snapshot())
        if bases[-1] != bases[0]:
            raise CommitConflict(len(bases) - 1)
        transaction = table.transaction()
        producer = _MergingOverwrite(
            Operation.OVERWRITE if bases[0] else Operation.APPEND,
            transaction,
            table.io,
            snapshot_properties=dict(properties),
        )
        replaced = [file.path for file in stage_files(table, bases[0]) if is_replaced(file.first)]
        with producer as changed:
            for entry in entries_of(table, bases[0], replaced) if bases[0] else ():
                changed.delete_data_file(entry.data_file)
            for file in added:
                changed.append_data_file(file)
        transaction.commit_transaction()
        made.append(producer.snapshot_id)

    commit_on_newest(table, replace)
    return made[0]


class _MergingOverwrite(_OverwriteFiles):
    """pyiceberg's overwrite, which also merges manifests, as only its append does.

    Each build adds a manifest of the few files that it wrote, and every later plan must open it.
    """

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        merging = _ManifestMergeManager(
            target_size_bytes=TableProperties.MANIFEST_TARGET_SIZE_BYTES_DEFAULT,
            min_count_to_merge=MOST_SMALL_MANIFESTS,
            merge_enabled=True,
            snapshot_producer=self,
        )
        return merging.merge_manifests(manifests)
