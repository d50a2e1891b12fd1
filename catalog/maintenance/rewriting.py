"""Rewriting data files in place: the same live snapshots and tags, with other files.

A commit of Iceberg adds a snapshot, and the earlier ones go on naming the files that it replaced.
Where no file may stay, that is of no use. So everything that leads to the files is written anew:
their manifests, the lists of these, and the metadata of the table, in which each snapshot keeps its
id, its sequence number, its properties and its tags. Then the catalog gets the new metadata, by the
compare-and-swap that every commit makes. Iceberg's `rewrite_table_path` does the same to move a
table: https://iceberg.apache.org/docs/latest/spark-procedures/#rewrite_table_path

A kill leaves the table as it was before or as it is after. What no longer belongs to it lies there
until `remove_unreferenced`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final, cast
from uuid import uuid4

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import parquet_file_to_data_file
from pyiceberg.manifest import (
    DataFile,
    ManifestEntry,
    ManifestFile,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.schema import Schema
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot
from sqlalchemy import update

from catalog.connection import commit_lock_of
from catalog.maintenance.orphans import files_of, filesystem_of, path_of, references_of
from catalog.schema import NAMESPACE

_AVRO_CODEC: Final = "deflate"


def rewrite_data_files(
    table: Table,
    rewrite: Callable[[str], str],
    change_schema: Callable[[Schema], Schema] = lambda same: same,
) -> bool:
    """Put other data files in the place of those of all live snapshots, in one swap.

    Args:
        table: A table of the lake.
        rewrite: Writes the file that takes the place of a data file, with the same rows, and
            returns its URL; or returns the URL of the data file, which then stays.
        change_schema: Returns what becomes of each schema that the table has or had. The ids of
            fields must stay.

    Returns:
        Whether there was anything to change.

    Raises:
        CommitFailedException: Another process has changed the table meanwhile; nothing is changed.
    """
    with commit_lock_of(table):
        table.refresh()
        old = table.metadata
        paths = {path: rewrite(path) for path in sorted(_data_files(table))}
        schemas = [change_schema(schema) for schema in old.schemas]
        if schemas == old.schemas and all(path == new_path for path, new_path in paths.items()):
            return False
        changed = old.model_copy(update={"schemas": schemas})
        writing = _Writing(table, changed, paths)
        snapshots = [writing.snapshot(snapshot) for snapshot in old.snapshots]
        # The log names metadata files that are to be removed.
        rest: dict[str, object] = {"snapshots": snapshots, "metadata_log": []}
        _swap(table, changed.model_copy(update=rest))
        table.refresh()
    return True


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


def _data_files(table: Table) -> set[str]:
    """Return the URLs of the data files of all live snapshots."""
    manifests = {
        manifest.manifest_path: manifest
        for snapshot in table.metadata.snapshots
        for manifest in snapshot.manifests(table.io)
    }
    return {
        entry.data_file.file_path
        for manifest in manifests.values()
        for entry in manifest.fetch_manifest_entry(table.io)
    }


class _Writing:
    """Writes what leads to the new data files."""

    def __init__(self, table: Table, metadata: TableMetadata, paths: Mapping[str, str]) -> None:
        """Prepare to write.

        Args:
            table: The table.
            metadata: New metadata of the table, in which the snapshots are still the old ones.
            paths: URL of the new data file in the place of each.
        """
        self._table = table
        self._metadata = metadata
        self._paths = paths
        self._files: dict[str, DataFile] = {}
        self._manifests: dict[str, ManifestFile | None] = {}

    def snapshot(self, old: Snapshot) -> Snapshot:
        """Return a snapshot with a new list of manifests."""
        manifests = [self._manifest(manifest) for manifest in old.manifests(self._table.io)]
        location = self._location(f"snap-{old.snapshot_id}-0-{uuid4()}.avro")
        with write_manifest_list(
            format_version=self._metadata.format_version,
            output_file=self._table.io.new_output(location),
            snapshot_id=old.snapshot_id,
            parent_snapshot_id=old.parent_snapshot_id,
            sequence_number=old.sequence_number,
            avro_compression=_AVRO_CODEC,
        ) as writer:
            writer.add_manifests([manifest for manifest in manifests if manifest])
        return old.model_copy(update={"manifest_list": location})

    def _manifest(self, old: ManifestFile) -> ManifestFile | None:
        """Return the new manifest for an old one; None when it lists only files that are gone."""
        if old.manifest_path not in self._manifests:
            entries = old.fetch_manifest_entry(self._table.io)
            self._manifests[old.manifest_path] = self._write(old, entries) if entries else None
        return self._manifests[old.manifest_path]

    def _write(self, old: ManifestFile, entries: list[ManifestEntry]) -> ManifestFile:
        with write_manifest(
            format_version=self._metadata.format_version,
            spec=self._metadata.specs()[old.partition_spec_id],
            schema=self._metadata.schema(),
            output_file=self._table.io.new_output(self._location(f"{uuid4()}-m0.avro")),
            snapshot_id=old.added_snapshot_id or 0,
            avro_compression=_AVRO_CODEC,
        ) as writer:
            for entry in entries:
                # It keeps the numbers that it has inherited from the old manifest.
                entry.data_file = self._file(entry.data_file)
                writer.add_entry(entry)
        manifest = writer.to_manifest_file()
        manifest.sequence_number = old.sequence_number
        return manifest

    def _file(self, old: DataFile) -> DataFile:
        path = old.file_path
        if path not in self._files:
            new_path = self._paths[path]
            self._files[path] = (
                old
                if new_path == path
                else parquet_file_to_data_file(self._table.io, self._metadata, new_path)
            )
        return self._files[path]

    def _location(self, name: str) -> str:
        return self._table.location_provider().new_metadata_location(name)


def _swap(table: Table, metadata: TableMetadata) -> None:
    """Write a metadata file, and have the catalog name it in the place of the table's present one.

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
