"""Making a backup while the service takes submissions, commits, maintains and erases.

1. **Databases.** While no batch can be claimed or settled, both databases are pinned at one moment,
   which takes milliseconds: the journal's first, and then the catalog's. So what was acknowledged
   before is in the journal of the backup or in its tables, and a batch that is in both is the one
   that is claimed, for which a committer looks in the table.
2. **Files.** What the pinned tables and the pinned journal name is linked or copied, and so are the
   published releases and maps. Nothing else is, so orphans aren't.
3. **Verification.** The rows of every snapshot are counted from the files in the backup, and
   compared with the ledger.

Takedowns aren't held up. When files that are to be copied go away, everything is done again from
the first step; what has been copied is kept, as far as it is still part of the lake.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Final, cast
from urllib.parse import unquote, urlsplit

from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem
from pyiceberg.catalog.sql import IcebergTables
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.serializers import FromInputFile
from sqlalchemy import select
from sqlalchemy.engine import make_url

from app.backup.copies import FileCopies
from app.backup.databases import PinnedDatabase, is_one_database, pinnable
from app.backup.errors import BackupUnreadable, CountsDiffer, LakeChanging, PlaceUnfit
from app.backup.manifest import (
    FORMAT,
    MANIFEST_FILE,
    WAREHOUSE,
    BackupManifest,
    read_manifest,
    write_manifest,
)
from app.backup.verifying import VerifiedSnapshots, verify_snapshots
from app.ingest.commits.claims import Claims, staged_paths
from app.settings import Settings
from app.state import ledger
from app.state.published_folder import PublishedFolder
from app.version import VERSION
from catalog.connection import CATALOG_NAME
from catalog.metadata.moving import Move, MovedFileIO, files_of_metadata
from catalog.snapshots import Snapshot
from catalog.storage.file_io import DurableFileIO

_ATTEMPTS: Final = 10
_NAME_FORMAT: Final = "%Y-%m-%dT%H-%M-%S.%fZ"
_PRIVATE: Final = 0o700
"""Mode of a backup's folder: it holds the secrets of the lake."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """A backup that was made.

    Attributes:
        folder: The folder that holds the backup.
        files: Number of its files.
        copied_bytes: Bytes that were copied; other files are links.
        snapshots: What was verified.
        seconds: How long it took.
    """

    folder: Path
    files: int
    copied_bytes: int
    snapshots: VerifiedSnapshots
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """The state of the databases that a backup has.

    Attributes:
        at: When they were pinned.
        databases: Names of the files with the copies, by the names of the databases.
        tables: URLs of the metadata files of the tables, by their names.
        staged: URLs of the data files of uploads that wait in the journal.
        snapshots: The ledger, oldest first.
    """

    at: datetime
    databases: dict[str, str]
    tables: dict[str, str]
    staged: frozenset[str]
    snapshots: list[Snapshot]


def make_backup(settings: Settings, claims: Claims, place: Path) -> BackupReport:
    """Make a backup in a new folder within a folder of backups, which share their files.

    Args:
        settings: Say where the lake is.
        claims: The claims of the lake.
        place: The folder of backups, which is made if there is none, in a folder that is there.

    Raises:
        PlaceUnfit: The folder is a part of the lake, or lies in a folder that isn't there.
        LakeChanging: Files went away in every attempt.
        CountsDiffer: The lake has other rows than its ledger states.
        ToolFailed: `pg_dump` is missing or has failed.
        OSError: A file can't be read or written.
    """
    started = monotonic()
    place = place.absolute()
    _check_place(settings, place)
    previous = _newest_of(settings.warehouse, place)
    backups = PublishedFolder(place)
    with backups.building() as building:
        building.chmod(_PRIVATE)
        making = _Making(settings, claims, building, previous)
        moment, verified = making.run()
        name = moment.at.strftime(_NAME_FORMAT)
        write_manifest(building, making.manifest(moment))
        backups.publish(building, name)
    return BackupReport(
        folder=place / name,
        files=len(making.copies.files),
        copied_bytes=making.copies.copied_bytes,
        snapshots=verified,
        seconds=monotonic() - started,
    )


class _Making:
    """One backup that is being made."""

    def __init__(
        self,
        settings: Settings,
        claims: Claims,
        folder: Path,
        previous: tuple[Path, BackupManifest] | None,
    ) -> None:
        self._settings = settings
        self._claims = claims
        self._folder = folder
        self.copies = FileCopies(folder, previous)
        self._io = DurableFileIO(settings.catalog_properties)
        self._names = Move(settings.warehouse, f"{folder.as_uri()}/{WAREHOUSE}")

    def run(self) -> tuple[_Moment, VerifiedSnapshots]:
        problem: Exception = RuntimeError()
        for _ in range(_ATTEMPTS):
            try:
                return self._attempt()
            except (FileNotFoundError, CountsDiffer) as error:
                # Something was erased or removed meanwhile.
                log.info("the lake has changed meanwhile, so the backup begins anew: %s", error)
                problem = error
        if isinstance(problem, CountsDiffer):
            raise problem
        raise LakeChanging(_ATTEMPTS, str(problem)) from problem

    def manifest(self, moment: _Moment) -> BackupManifest:
        return BackupManifest(
            format=FORMAT,
            version=VERSION,
            made_at=moment.at,
            warehouse=self._settings.warehouse,
            databases=moment.databases,
            tables=moment.tables,
            files=self.copies.files,
        )

    def _attempt(self) -> tuple[_Moment, VerifiedSnapshots]:
        moment = self._copy_databases()
        kept = {*moment.databases.values()}
        for path in kept:
            self.copies.add_made(path)
        kept |= self._copy_tables(moment)
        kept |= self._copy_published()
        self.copies.keep_only(kept)
        moved = MovedFileIO(self._names, {})
        return moment, verify_snapshots(moved, moment.tables, moment.snapshots)

    def _copy_databases(self) -> _Moment:
        settings = self._settings
        with ExitStack() as stack:
            lake_url, catalog_url = make_url(settings.database_url), make_url(settings.catalog_uri)
            to_lake = stack.enter_context(pinnable(lake_url))
            is_one = is_one_database(settings.database_url, settings.catalog_uri)
            to_catalog = to_lake if is_one else stack.enter_context(pinnable(catalog_url))
            with self._claims.frozen():
                at = datetime.now(UTC)
                lake = PinnedDatabase(lake_url, to_lake)
                catalog = lake if is_one else PinnedDatabase(catalog_url, to_catalog)
            lake_file = lake.copy_to(self._folder, "chatlake")
            catalog_file = lake_file if is_one else catalog.copy_to(self._folder, "catalog")
            located = select(IcebergTables.table_name, IcebergTables.metadata_location).where(
                IcebergTables.catalog_name == CATALOG_NAME
            )
            return _Moment(
                at=at,
                databases={"lake": lake_file, "catalog": catalog_file},
                tables={row[0]: str(row[1]) for row in catalog.connection.execute(located)},
                staged=frozenset(staged_paths(lake.connection)),
                snapshots=list(ledger.oldest_first(lake.connection)),
            )

    def _copy_tables(self, moment: _Moment) -> set[str]:
        """Copy what the tables and the journal name, and return the paths in the backup."""
        urls = [*moment.tables.values(), *moment.staged]
        for location in moment.tables.values():
            metadata = FromInputFile.table_metadata(self._io.new_input(location))
            urls += [file.url for file in files_of_metadata(metadata, self._io)]
        scheme, netloc, root = PyArrowFileIO.parse_location(
            self._settings.warehouse, self._settings.catalog_properties
        )
        filesystem = cast("FileSystem", self._io.fs_by_scheme(scheme, netloc))
        # One listing, rather than a question for each file.
        found = {info.path: info for info in files_below(filesystem, root)}
        kept = set()
        for url in urls:
            name = self._names.name(url)
            original = found.get(f"{root.rstrip('/')}/{name}")
            if original is None:
                raise FileNotFoundError(url)
            path = f"{WAREHOUSE}/{name}"
            self.copies.add(path, filesystem, original)
            kept.add(path)
        return kept

    def _copy_published(self) -> set[str]:
        """Copy the releases and maps of the home folder, and return the paths in the backup."""
        filesystem = LocalFileSystem()
        kept = set()
        for folder in (self._settings.releases, self._settings.maps):
            before = _published(filesystem, folder)
            for info in before:
                path = Path(info.path).relative_to(self._settings.home.absolute()).as_posix()
                self.copies.add(path, filesystem, info)
                kept.add(path)
            if _states(_published(filesystem, folder)) != _states(before):
                raise FileNotFoundError(f"what {folder} had before")
        return kept


def files_below(filesystem: FileSystem, root: str) -> Iterator[FileInfo]:
    """Yield the files below a folder of a file system, which needn't be there."""
    selector = FileSelector(root, allow_not_found=True, recursive=True)
    for info in filesystem.get_file_info(selector):
        if info.type is FileType.File:
            yield info


def _published(filesystem: FileSystem, folder: Path) -> list[FileInfo]:
    """Return the files of finished results: folders that are being built begin with a dot."""
    root = folder.absolute()
    return sorted(
        (
            info
            for info in files_below(filesystem, str(root))
            if not Path(info.path).relative_to(root).parts[0].startswith(".")
        ),
        key=lambda info: str(info.path),
    )


def _states(files: list[FileInfo]) -> list[tuple[str, int, int]]:
    """Return path, size and time of files: pyarrow compares a FileInfo by its identity."""
    return [(info.path, info.size, info.mtime_ns) for info in files]


def _check_place(settings: Settings, place: Path) -> None:
    warehouse = urlsplit(settings.warehouse)
    lake = [settings.home.absolute()]
    if warehouse.scheme == "file":
        lake.append(Path(unquote(warehouse.path)))
    if not place.parent.is_dir():
        # It may be mistyped, or a disk that isn't mounted.
        raise PlaceUnfit(place, f"there is no folder {place.parent} to make it in")
    for folder in lake:
        if place.resolve().is_relative_to(folder.resolve()):
            raise PlaceUnfit(place, f"it lies within {folder}, which is backed up")


def _newest_of(warehouse: str, place: Path) -> tuple[Path, BackupManifest] | None:
    """Return the newest backup of a warehouse in a folder; None without one.

    Files of a lake that was restored elsewhere have the names that they had, and other content.
    """
    for file in sorted(place.glob(f"[!.]*/{MANIFEST_FILE}"), reverse=True):
        with suppress(BackupUnreadable):
            manifest = read_manifest(file.parent)
            if manifest.warehouse == warehouse:
                return file.parent, manifest
    return None
