"""Orphans: files in the table's folder that nothing refers to and no reader can need any more.

Failed commits, lost races and killed writers leave them behind, and so does thinning. A file may be
removed when all of this is true:

- No live snapshot, table metadata, pending batch or running upload refers to it.
- It is older than an age floor, so that its writer has finished or is dead.
- It is older than some live snapshot S that was committed longer ago than a read may take. A read
  that is still running planned on S or a later snapshot, and none of those refers to the file. (A
  data file that a later commit replaced is still referred to, because thinning keeps the snapshot
  before that commit.)
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, cast
from uuid import UUID

from pyarrow.fs import FileInfo, FileSelector, FileSystem, LocalFileSystem
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import Table

from catalog.errors import LakeError
from catalog.manifests.cache import PATH, files_in
from catalog.publishing.tables import PREFIX
from catalog.snapshots import live_snapshots

MIN_AGE: Final = timedelta(hours=1)
"""The lowest age floor, since a writer may take that long."""
_COMMIT_TIME: Final = timedelta(minutes=10)
"""Longest time between the writing of a commit's first file and the time of its snapshot."""
_SUFFIXES: Final = (".parquet", ".avro", ".metadata.json", ".tmp")
"""Suffixes of the files that chatlake and pyiceberg write; other files are never removed."""


class AgeFloorTooLow(LakeError):
    """The age floor is lower than `MIN_AGE`, so a file that is being written could be removed."""

    def __init__(self, age: timedelta) -> None:
        super().__init__(f"an age floor of {age} is below {MIN_AGE}")
        self.age = age


@dataclass(frozen=True, slots=True)
class Orphan:
    """A file that nothing refers to.

    Attributes:
        path: Path in the table's file system, without a scheme.
        size_bytes: Size of the file.
        written_at: Time of the last write, in UTC.
    """

    path: str
    size_bytes: int
    written_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How long files are kept.

    Attributes:
        floor: Age below which no file is removed; at least `MIN_AGE`.
        read_grace: Longest time that a read may take.
    """

    floor: timedelta
    read_grace: timedelta


class _Before(NamedTuple):
    """The times before which orphans were written.

    Attributes:
        other: Of most files.
        published: Of files that were published for engines. They are whole once they are there, and
            there may be some for each commit, so they don't wait for the age floor.
    """

    other: datetime
    published: datetime


def find_orphans(
    table: Table,
    protected: Collection[str],
    batches: Collection[UUID],
    ages: Ages,
    now: datetime,
) -> list[Orphan]:
    """Return the files under the table's location that may be removed.

    The order of reading matters: first the caller collects `protected` and `batches`, then the
    files are listed, then the table is loaded. A file that is committed meanwhile is in at least
    one of the three.

    Args:
        table: The raw table, which is reloaded.
        protected: URLs of files that a pending upload refers to.
        batches: Ids of batches that may still be committed; their files are named after them.
        ages: How long files are kept.
        now: The current time, in UTC.

    Raises:
        AgeFloorTooLow: The age floor is below the minimum.
    """
    if ages.floor < MIN_AGE:
        raise AgeFloorTooLow(ages.floor)
    listed = list(files_of(table))
    table.refresh()
    before = _written_before(table, ages, now)
    if before is None:
        return []
    referenced = {path_of(table, url) for url in (*protected, *references_of(table))}
    if not any(file.path in referenced for file in listed):
        # The listing and the metadata spell paths differently, so every file looks like an orphan.
        return []
    names = [str(batch_id) for batch_id in batches]
    return [
        Orphan(file.path, file.size, file.mtime)
        for file in listed
        if file.mtime < (before.published if _is_published(file) else before.other)
        and file.path not in referenced
        and not any(name in file.base_name for name in names)
    ]


def remove_orphans(table: Table, orphans: Collection[Orphan]) -> None:
    """Remove files; a file that is already gone is no error.

    Raises:
        OSError: A file can't be removed; those after it stay.
    """
    filesystem = filesystem_of(table)
    for orphan in orphans:
        try:
            filesystem.delete_file(orphan.path)
        except FileNotFoundError:
            continue


def _is_published(file: FileInfo) -> bool:
    return str(file.base_name).startswith(PREFIX)


def _written_before(table: Table, ages: Ages, now: datetime) -> _Before | None:
    """Return the times before which orphans were written; None while there can't be any."""
    settled = [
        snapshot.committed_at
        for snapshot in live_snapshots(table)
        if snapshot.committed_at <= now - ages.read_grace
    ]
    if not settled:
        return None
    replaced = max(settled) - _COMMIT_TIME
    return _Before(min(now - ages.floor, replaced), min(now - ages.read_grace, replaced))


def files_of(table: Table) -> Iterator[FileInfo]:
    """Yield the files under the table's location that chatlake or pyiceberg wrote."""
    filesystem, root = filesystem_of(table), path_of(table, table.location())
    is_within = _within(filesystem, root)
    for file in filesystem.get_file_info(FileSelector(root, recursive=True)):
        if file.is_file and file.base_name.endswith(_SUFFIXES) and is_within(file.path):
            yield file


def _within(filesystem: FileSystem, root: str) -> Callable[[str], bool]:
    """Return what tells whether the path of a listed file is in the folder itself."""
    if not isinstance(filesystem, LocalFileSystem):
        prefix = root.rstrip("/") + "/"
        return lambda path: path.startswith(prefix)
    # A symbolic link in the folder may lead out of it. A folder has many files, and is looked at
    # once.
    own = Path(root).resolve()
    is_own = cache(lambda folder: Path(folder).resolve().is_relative_to(own))
    return lambda path: is_own(path.rpartition("/")[0]) and not Path(path).is_symlink()


def references_of(table: Table) -> Iterator[str]:
    """Yield the URLs of all files that the table's metadata refers to, some of them repeatedly."""
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
        files = files_in(table, manifest)
        if files is not None:
            yield from files[PATH].to_pylist()
            continue
        # Files with deletes, of another engine.
        for entry in manifest.fetch_manifest_entry(table.io):
            yield entry.data_file.file_path


def filesystem_of(table: Table) -> FileSystem:
    """Return the file system that a table lies in."""
    scheme, netloc, _ = PyArrowFileIO.parse_location(table.location(), table.io.properties)
    return cast("PyArrowFileIO", table.io).fs_by_scheme(scheme, netloc)


def path_of(table: Table, url: str) -> str:
    """Return the path of a URL in the table's file system, without a scheme."""
    return PyArrowFileIO.parse_location(url, table.io.properties)[2]
