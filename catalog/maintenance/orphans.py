"""Orphans: files in the table's folder that nothing refers to, and that no one can need any more.

Failed commits, lost races and killed writers leave them, and thinning makes some. A file may be
removed when all of this is true:

- no live snapshot refers to it, nor the table's metadata, nor a batch or an upload on its way;
- it is older than an age floor, so that whoever wrote it has finished or is dead;
- it was written before a live snapshot that is older than the time that a reader may take. Readers
  plan on the newest table, so what that snapshot and all since don't refer to, none of them has.
  (Data files that were replaced since are referred to: thinning keeps the snapshot before.)
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, cast
from uuid import UUID

from pyarrow.fs import FileInfo, FileSelector, FileSystem, LocalFileSystem
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import Table

from catalog.errors import LakeError
from catalog.snapshots import live_snapshots

MIN_AGE: Final = timedelta(hours=1)
"""The age floor can't be set lower: a writer may be that slow."""
_COMMIT_TIME: Final = timedelta(minutes=10)
"""How much earlier than its snapshot's time a commit's files may have been written."""
_OURS: Final = (".parquet", ".avro", ".metadata.json", ".tmp")
"""How the names end of what we and pyiceberg write; other files are no business of ours."""


class AgeFloorTooLow(LakeError):
    """Files as young as this may be in the making."""

    def __init__(self, age: timedelta) -> None:
        super().__init__(f"an age floor of {age} is below {MIN_AGE}")
        self.age = age


@dataclass(frozen=True, slots=True)
class Orphan:
    """A file that nothing refers to.

    Attributes:
        path: Its path in the table's file system, without a scheme.
        size_bytes: Its size.
        written_at: When it was last written.
    """

    path: str
    size_bytes: int
    written_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How long files are left alone.

    Attributes:
        floor: Since they were written; at least `MIN_AGE`.
        read_grace: Since a reader may have come to need them.
    """

    floor: timedelta
    read_grace: timedelta


def find_orphans(
    table: Table,
    protected: Collection[str],
    batches: Collection[UUID],
    ages: Ages,
    now: datetime,
) -> list[Orphan]:
    """Return the files under the table's own location that may be removed.

    The caller reads what is on its way first; then the files are listed, and then the table is
    loaded: what is committed meanwhile is in at least one of them.

    Args:
        table: The raw table; it is reloaded.
        protected: URLs of files that something outside of the table refers to.
        batches: Batches that may be committed yet: their files bear their names.
        ages: How long files are left alone.
        now: The time.

    Raises:
        AgeFloorTooLow: It is below the minimum.
    """
    if ages.floor < MIN_AGE:
        raise AgeFloorTooLow(ages.floor)
    listed = list(_files(table))
    table.refresh()
    before = _written_before(table, ages, now)
    if before is None:
        return []
    referenced = {_path(table, url) for url in (*protected, *_references(table))}
    if not any(file.path in referenced for file in listed):
        # The two name files differently, and then everything would look like an orphan.
        return []
    names = [str(batch_id) for batch_id in batches]
    return [
        Orphan(file.path, file.size, file.mtime)
        for file in listed
        if file.mtime < before
        and file.path not in referenced
        and not any(name in file.base_name for name in names)
    ]


def remove_orphans(table: Table, orphans: Collection[Orphan]) -> None:
    """Remove files; one that is gone already is no error.

    Raises:
        OSError: One can't be removed; those after it stay.
    """
    filesystem = _filesystem(table)
    for orphan in orphans:
        try:
            filesystem.delete_file(orphan.path)
        except FileNotFoundError:
            continue


def _written_before(table: Table, ages: Ages, now: datetime) -> datetime | None:
    """Return the time before which an orphan must have been written; None: there are none yet."""
    settled = [
        snapshot.committed_at
        for snapshot in live_snapshots(table)
        if snapshot.committed_at <= now - ages.read_grace
    ]
    return min(now - ages.floor, max(settled) - _COMMIT_TIME) if settled else None


def _files(table: Table) -> Iterator[FileInfo]:
    """Yield the files of ours under the table's location."""
    filesystem, root = _filesystem(table), _path(table, table.location())
    for file in filesystem.get_file_info(FileSelector(root, recursive=True)):
        if file.is_file and file.base_name.endswith(_OURS) and _is_under(filesystem, file, root):
            yield file


def _is_under(filesystem: FileSystem, file: FileInfo, root: str) -> bool:
    if isinstance(filesystem, LocalFileSystem):
        # A link within the folder may lead out of it.
        return Path(file.path).resolve().is_relative_to(Path(root).resolve())
    return str(file.path).startswith(root.rstrip("/") + "/")


def _references(table: Table) -> Iterator[str]:
    """Yield the URLs of all files that the table's metadata refers to; some more than once."""
    yield table.metadata_location
    yield from (entry.metadata_file for entry in table.metadata.metadata_log)
    yield from (file.statistics_path for file in table.metadata.statistics)
    manifests = {}
    for snapshot in table.metadata.snapshots:
        yield snapshot.manifest_list
        for manifest in snapshot.manifests(table.io):
            manifests[manifest.manifest_path] = manifest
    for path, manifest in manifests.items():
        yield path
        for entry in manifest.fetch_manifest_entry(table.io):
            yield entry.data_file.file_path


def _filesystem(table: Table) -> FileSystem:
    scheme, netloc, _ = PyArrowFileIO.parse_location(table.location(), table.io.properties)
    return cast("PyArrowFileIO", table.io).fs_by_scheme(scheme, netloc)


def _path(table: Table, url: str) -> str:
    return PyArrowFileIO.parse_location(url, table.io.properties)[2]
