"""Rewriting data files in place: the same live snapshots and tags, with other files.

A commit of Iceberg adds a snapshot, and the earlier ones go on naming the files that it replaced.
Where no file may stay, that is of no use. So everything that leads to the files is written anew:
their manifests, the lists of these, and the metadata of the table, in which each snapshot keeps its
id, its sequence number, its properties and its tags. Then the catalog gets the new metadata, by the
compare-and-swap that every commit makes. Iceberg's `rewrite_table_path` does the same to move a
table: https://iceberg.apache.org/docs/latest/spark-procedures/#rewrite_table_path

Files are written before the swap, while others commit. What they have committed meanwhile is
looked at in turn, and only that.

A kill leaves the table as it was before or as it is after. What no longer belongs to it lies there
until somebody removes it: `remove_unreferenced`, or `catalog.maintenance.leftovers`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, cast
from uuid import uuid4

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import parquet_file_to_data_file
from pyiceberg.manifest import (
    DataFile,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.schema import Schema
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot, Summary
from sqlalchemy import update

from catalog.connection import commit_lock_of
from catalog.errors import CommitConflict
from catalog.maintenance.orphans import files_of, filesystem_of, path_of, references_of
from catalog.maintenance.summaries import FileTotals, summary_of, totals_of
from catalog.schema import NAMESPACE

_AVRO_CODEC: Final = "deflate"
_ATTEMPTS: Final = 100

Rewrite = Callable[[DataFile], str | None]
"""Writes the file that takes the place of a data file, and returns its URL; None where nothing
takes its place. It returns the URL of the data file itself to keep that one."""


def rewrite_data_files(
    table: Table,
    rewrite: Rewrite,
    *,
    forget: Callable[[DataFile], bool] = lambda _: False,
    change_schema: Callable[[Schema], Schema] = lambda same: same,
) -> frozenset[str]:
    """Put other data files in the place of those of all live snapshots, in one swap.

    Counts of rows, files and bytes in the properties of the snapshots become those of the new
    files.

    Args:
        table: A table of the lake.
        rewrite: Rewrites a data file; called once for each.
        forget: Tells whether a manifest may not even name a data file that its snapshot removed.
        change_schema: Returns what becomes of each schema that the table has or had. The ids of
            fields must stay.

    Returns:
        The URLs of the files that the table doesn't refer to any more; none if there was nothing
        to change.

    Raises:
        CommitConflict: Other processes kept committing first; nothing is changed.
    """
    table.refresh()
    writing = _Writing(table, rewrite, forget, change_schema)
    # Most of the work is done while other threads commit.
    writing.changed(table.metadata)
    for _ in range(_ATTEMPTS):
        with commit_lock_of(table):
            table.refresh()
            changed = writing.changed(table.metadata)
            if changed is None:
                return frozenset()
            log = {entry.metadata_file for entry in table.metadata.metadata_log}
            try:
                replaced = _swap(table, changed)
            except CommitFailedException:
                continue
            table.refresh()
        return frozenset(writing.replaced() | log | {replaced})
    raise CommitConflict(_ATTEMPTS)


def remove_unreferenced(table: Table, kept: Collection[str] = ()) -> None:
    """Remove every file in the table's folder that its metadata doesn't refer to, however young.

    Nobody may write to the table or read it meanwhile.

    Args:
        table: A table of the lake, which is reloaded.
        kept: URLs of further files to keep, such as those of pending uploads.

    Raises:
        OSError: A file can't be removed; others may stay too.
    """
    table.refresh()
    needed = {path_of(table, url) for url in (*kept, *references_of(table))}
    filesystem = filesystem_of(table)
    for file in list(files_of(table)):
        if file.path not in needed:
            filesystem.delete_file(file.path)


@dataclass(frozen=True, slots=True)
class _Manifest:
    """A manifest as it is to be.

    Attributes:
        file: The manifest; None when no data file is left in it.
        is_changed: Whether it takes the place of another one.
        present: The data files that it has in the snapshots that list it.
        added: Those of them that the snapshot added which wrote the manifest.
    """

    file: ManifestFile | None
    is_changed: bool
    present: FileTotals
    added: FileTotals


class _Writing:
    """Writes what leads to the new data files, each file once."""

    def __init__(
        self,
        table: Table,
        rewrite: Rewrite,
        forget: Callable[[DataFile], bool],
        change_schema: Callable[[Schema], Schema],
    ) -> None:
        self._table = table
        self._rewrite = rewrite
        self._forget = forget
        self._change_schema = change_schema
        self._files: dict[str, DataFile | None] = {}
        self._manifests: dict[str, _Manifest] = {}
        self._snapshots: dict[str, Snapshot] = {}

    def changed(self, old: TableMetadata) -> TableMetadata | None:
        """Return what becomes of a table's metadata; None where nothing is to change."""
        schemas = [self._change_schema(schema) for schema in old.schemas]
        new = old.model_copy(update={"schemas": schemas})
        every_manifest = schemas != old.schemas
        by_age = sorted(old.snapshots, key=lambda snapshot: snapshot.sequence_number or 0)
        live: dict[int, Snapshot] = {}
        for snapshot in by_age:
            parent = live.get(snapshot.parent_snapshot_id or 0)
            live[snapshot.snapshot_id] = self._snapshot(
                new, snapshot, parent, every_manifest=every_manifest
            )
        snapshots = [live[snapshot.snapshot_id] for snapshot in old.snapshots]
        if snapshots == old.snapshots and not every_manifest:
            return None
        # The log names metadata files that are to be removed.
        rest: dict[str, object] = {"snapshots": snapshots, "metadata_log": []}
        return new.model_copy(update=rest)

    def replaced(self) -> set[str]:
        """Return the URLs of the files that others have taken the place of."""
        files = {
            path for path, file in self._files.items() if file is None or file.file_path != path
        }
        manifests = {path for path, manifest in self._manifests.items() if manifest.is_changed}
        lists = {path for path, new in self._snapshots.items() if new.manifest_list != path}
        return files | manifests | lists

    def _snapshot(
        self,
        metadata: TableMetadata,
        old: Snapshot,
        parent: Snapshot | None,
        *,
        every_manifest: bool,
    ) -> Snapshot:
        """Return a snapshot with a new list of manifests, if one of these is to change."""
        if old.manifest_list in self._snapshots:
            return self._snapshots[old.manifest_list]
        manifests = [
            self._manifest(metadata, manifest, every_manifest=every_manifest)
            for manifest in old.manifests(self._table.io)
        ]
        new = old
        if any(manifest.is_changed for manifest in manifests):
            new = old.model_copy(
                update={
                    "manifest_list": self._write_list(metadata, old, manifests),
                    "summary": _summary(old, parent, manifests),
                }
            )
        self._snapshots[old.manifest_list] = new
        return new

    def _write_list(
        self, metadata: TableMetadata, old: Snapshot, manifests: list[_Manifest]
    ) -> str:
        location = self._location(f"snap-{old.snapshot_id}-0-{uuid4()}.avro")
        with write_manifest_list(
            format_version=metadata.format_version,
            output_file=self._table.io.new_output(location),
            snapshot_id=old.snapshot_id,
            parent_snapshot_id=old.parent_snapshot_id,
            sequence_number=old.sequence_number,
            avro_compression=_AVRO_CODEC,
        ) as writer:
            writer.add_manifests([each.file for each in manifests if each.file])
        return location

    def _manifest(
        self, metadata: TableMetadata, old: ManifestFile, *, every_manifest: bool
    ) -> _Manifest:
        if old.manifest_path not in self._manifests:
            self._manifests[old.manifest_path] = self._new_manifest(
                metadata, old, every_manifest=every_manifest
            )
        return self._manifests[old.manifest_path]

    def _new_manifest(
        self, metadata: TableMetadata, old: ManifestFile, *, every_manifest: bool
    ) -> _Manifest:
        is_changed = every_manifest
        kept: list[ManifestEntry] = []
        for entry in old.fetch_manifest_entry(self._table.io, discard_deleted=False):
            if entry.status is ManifestEntryStatus.DELETED:
                is_changed = is_changed or self._forget(entry.data_file)
                continue
            path = entry.data_file.file_path
            file = self._file(metadata, entry.data_file)
            is_changed = is_changed or file is None or file.file_path != path
            if file is not None:
                # It keeps the numbers that it has inherited from the old manifest.
                entry.data_file = file
                kept.append(entry)
        present = totals_of(kept)
        added = totals_of(
            entry
            for entry in kept
            if entry.status is ManifestEntryStatus.ADDED
            and entry.snapshot_id == old.added_snapshot_id
        )
        if not is_changed:
            return _Manifest(old, is_changed, present, added)
        written = self._write(metadata, old, kept) if kept else None
        return _Manifest(written, is_changed, present, added)

    def _write(
        self, metadata: TableMetadata, old: ManifestFile, entries: list[ManifestEntry]
    ) -> ManifestFile:
        with write_manifest(
            format_version=metadata.format_version,
            spec=metadata.specs()[old.partition_spec_id],
            schema=metadata.schema(),
            output_file=self._table.io.new_output(self._location(f"{uuid4()}-m0.avro")),
            snapshot_id=old.added_snapshot_id or 0,
            avro_compression=_AVRO_CODEC,
        ) as writer:
            for entry in entries:
                writer.add_entry(entry)
        manifest = writer.to_manifest_file()
        manifest.sequence_number = old.sequence_number
        return manifest

    def _file(self, metadata: TableMetadata, old: DataFile) -> DataFile | None:
        path = old.file_path
        if path not in self._files:
            new_path = self._rewrite(old)
            if new_path is None or new_path == path:
                self._files[path] = old if new_path else None
            else:
                self._files[path] = parquet_file_to_data_file(self._table.io, metadata, new_path)
        return self._files[path]

    def _location(self, name: str) -> str:
        return self._table.location_provider().new_metadata_location(name)


def _summary(old: Snapshot, parent: Snapshot | None, manifests: list[_Manifest]) -> Summary | None:
    own = [
        each for each in manifests if each.file and each.file.added_snapshot_id == old.snapshot_id
    ]
    total = sum((each.present for each in manifests), FileTotals())
    added = sum((each.added for each in own), FileTotals())
    return summary_of(old, parent, total, added)


def _swap(table: Table, metadata: TableMetadata) -> str:
    """Write a metadata file, and have the catalog name it in the place of the table's present one.

    Returns:
        The URL of the metadata file that the catalog named before.

    Raises:
        CommitFailedException: The catalog names another one by now.
    """
    catalog = cast("SqlCatalog", table.catalog)
    number = int(table.metadata_location.rpartition("/")[2].partition("-")[0]) + 1
    location = table.location_provider().new_table_metadata_file_location(number)
    ToOutputFile.table_metadata(metadata, table.io.new_output(location))
    swap = (
        update(IcebergTables)
        .where(
            IcebergTables.catalog_name == catalog.name,
            IcebergTables.table_namespace == NAMESPACE,
            IcebergTables.table_name == table.name()[-1],
            IcebergTables.metadata_location == table.metadata_location,
        )
        .values(metadata_location=location, previous_metadata_location=None)
    )
    with catalog.engine.begin() as connection:
        if not connection.execute(swap).rowcount:
            raise CommitFailedException("the table was changed meanwhile")
    return table.metadata_location
