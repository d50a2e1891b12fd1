"""Moving tables: the same snapshots and data files, under other URLs.

Iceberg's metadata names every file by its whole URL. So whoever puts the files of a lake elsewhere
has to write anew what names them: manifests, the lists of these, and the metadata of each table.
Data files are left as they are. Iceberg's `rewrite_table_path` does the same:
https://iceberg.apache.org/docs/latest/spark-procedures/#rewrite_table_path
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFile
from pyiceberg.manifest import ManifestFile, write_manifest, write_manifest_list
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

from catalog.errors import LakeError
from catalog.storage.file_io import DurableFileIO

_AVRO_CODEC: Final = "deflate"
_FILE_PATH: Final = 1
"""Position of the URL in Iceberg's description of a data file."""
_LOG: Final = "metadata-log"


class OutsideWarehouse(LakeError):
    """A file of a table lies outside of the warehouse, so it can't be moved with it."""

    def __init__(self, url: str, warehouse: str) -> None:
        super().__init__(f"{url} isn't below the warehouse {warehouse}")
        self.url = url
        self.warehouse = warehouse


@dataclass(frozen=True, slots=True)
class Move:
    """From where to where the files of a lake are moved.

    Attributes:
        old: URL of the warehouse that metadata names.
        new: URL of the warehouse that takes its place.
    """

    old: str
    new: str

    def name(self, url: str) -> str:
        """Return the path of a file within the warehouse.

        Raises:
            OutsideWarehouse: The URL isn't below the old warehouse.
        """
        root = f"{self.old.rstrip('/')}/"
        if not url.startswith(root):
            raise OutsideWarehouse(url, self.old)
        return url[len(root) :]

    def url(self, url: str) -> str:
        """Return the new URL of a file.

        Raises:
            OutsideWarehouse: The URL isn't below the old warehouse.
        """
        return f"{self.new.rstrip('/')}/{self.name(url)}"


class MovedFileIO(DurableFileIO):
    """Opens files by the URLs that metadata names, though they lie elsewhere by now."""

    def __init__(self, move: Move, properties: dict[str, str]) -> None:
        super().__init__(properties)
        self._move = move

    def new_input(self, location: str) -> PyArrowFile:
        """Return the file that has been moved from a URL."""
        return super().new_input(self._move.url(location))


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that the metadata of a table names.

    Attributes:
        url: URL of the file.
        size_bytes: Size of the file as the metadata states it; None where it doesn't.
        kind: What the file is.
    """

    url: str
    size_bytes: int | None
    kind: str


def files_of_metadata(metadata: TableMetadata, io: FileIO) -> Iterator[NamedFile]:
    """Yield what the live snapshots of a table need, each file once, lists and manifests first.

    Args:
        metadata: The table's metadata.
        io: Opens lists and manifests.

    Raises:
        OSError: A list or a manifest can't be read.
    """
    yield from (
        NamedFile(file.statistics_path, file.file_size_in_bytes, "statistics")
        for file in metadata.statistics
    )
    manifests: dict[str, ManifestFile] = {}
    for snapshot in metadata.snapshots:
        yield NamedFile(snapshot.manifest_list, None, "manifest list")
        manifests |= {each.manifest_path: each for each in snapshot.manifests(io)}
    for manifest in manifests.values():
        yield NamedFile(manifest.manifest_path, manifest.manifest_length, "manifest")
    seen: set[str] = set()
    for manifest in manifests.values():
        for entry in manifest.fetch_manifest_entry(io):
            file = entry.data_file
            if file.file_path not in seen:
                seen.add(file.file_path)
                yield NamedFile(file.file_path, file.file_size_in_bytes, "data file")


def move_metadata(location: str, move: Move, source: FileIO, target: FileIO) -> str:
    """Write the metadata of a table anew, with its lists and manifests, naming files as moved.

    Metadata files of before aren't named any more. Files of the same names are overwritten.

    Args:
        location: URL of the metadata file, as the catalog names it.
        move: From where to where the files are moved.
        source: Opens files by their old URLs.
        target: Writes files at their new URLs.

    Returns:
        The new URL of the metadata file.

    Raises:
        OutsideWarehouse: A file of the table isn't below the old warehouse.
        OSError: A file can't be read or written.
    """
    metadata = FromInputFile.table_metadata(source.new_input(location))
    moving = _Moving(metadata, move, source, target)
    for snapshot in metadata.snapshots:
        moving.write_list(snapshot)
    with source.new_input(location).open() as stream:
        moved = _moved(json.loads(stream.read()), move)
    moved[_LOG] = []
    with target.new_output(move.url(location)).create(overwrite=True) as output:
        output.write(json.dumps(moved).encode())
    return move.url(location)


def _moved(value: Any, move: Move) -> Any:
    """Return a part of a table's metadata with new URLs in the place of old ones."""
    match value:
        case dict():
            return {name: _moved(each, move) for name, each in value.items() if name != _LOG}
        case list():
            return [_moved(each, move) for each in value]
        case str() if value.startswith(f"{move.old.rstrip('/')}/"):
            return move.url(value)
        case _:
            return value


class _Moving:
    """Writes lists and manifests anew, each once."""

    def __init__(self, metadata: TableMetadata, move: Move, source: FileIO, target: FileIO) -> None:
        self._metadata = metadata
        self._move = move
        self._source = source
        self._target = target
        self._manifests: dict[str, ManifestFile] = {}
        self._lists: set[str] = set()

    def write_list(self, snapshot: Snapshot) -> None:
        if snapshot.manifest_list in self._lists:
            return
        self._lists.add(snapshot.manifest_list)
        manifests = [self._manifest(each) for each in snapshot.manifests(self._source)]
        with write_manifest_list(
            format_version=self._metadata.format_version,
            output_file=self._target.new_output(self._move.url(snapshot.manifest_list)),
            snapshot_id=snapshot.snapshot_id,
            parent_snapshot_id=snapshot.parent_snapshot_id,
            sequence_number=snapshot.sequence_number,
            avro_compression=_AVRO_CODEC,
        ) as writer:
            writer.add_manifests(manifests)

    def _manifest(self, old: ManifestFile) -> ManifestFile:
        if old.manifest_path not in self._manifests:
            self._manifests[old.manifest_path] = self._write_manifest(old)
        return self._manifests[old.manifest_path]

    def _write_manifest(self, old: ManifestFile) -> ManifestFile:
        # What a snapshot has removed stays named, as Iceberg's specification wants it.
        entries = old.fetch_manifest_entry(self._source, discard_deleted=False)
        with write_manifest(
            format_version=self._metadata.format_version,
            spec=self._metadata.specs()[old.partition_spec_id],
            schema=self._metadata.schema(),
            output_file=self._target.new_output(self._move.url(old.manifest_path)),
            snapshot_id=old.added_snapshot_id or 0,
            avro_compression=_AVRO_CODEC,
        ) as writer:
            for entry in entries:
                entry.data_file[_FILE_PATH] = self._move.url(entry.data_file.file_path)
                # They keep the numbers that they have inherited from the old manifest.
                writer.add_entry(entry)
        manifest = writer.to_manifest_file()
        manifest.sequence_number = old.sequence_number
        # pyiceberg leaves it open where every entry is of a removed file.
        manifest.min_sequence_number = old.min_sequence_number
        return manifest
