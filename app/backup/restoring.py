"""Restoring a backup into an empty place, which may be another folder, bucket or machine.

Every file of the backup is compared with its sum before anything is written. Then come the files,
and the databases last: a lake without databases is none. A restore that was cut off leaves a place
that isn't empty, so that it can't be mistaken for a lake, nor restored into.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyiceberg.catalog.sql import IcebergTables
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFileIO
from sqlalchemy import Connection, select, update
from sqlalchemy.engine import URL, make_url

from app.backup.databases import (
    has_tables,
    is_one_database,
    is_sqlite,
    restore_database,
    sync_file,
    writable,
)
from app.backup.errors import BackupUnreadable, NotEmpty
from app.backup.making import files_below
from app.backup.manifest import WAREHOUSE, BackupManifest, check_sums, read_manifest
from app.backup.verifying import VerifiedSnapshots, verify_snapshots
from app.ingest.journal.entries import decode_files, encode_files
from app.settings import Settings
from app.state import ledger
from app.state.db import Database, derived_files
from app.state.models import JournalEntry
from catalog.connection import CATALOG_NAME, LockingCatalog
from catalog.metadata.files import newest_location
from catalog.metadata.moving import Move, MovedFileIO, move_metadata
from catalog.schema import NAMESPACE
from catalog.storage.durability import make_durable_folder, sync_folder
from catalog.storage.file_io import DurableFileIO
from catalog.writing.staging import StagedFile

_PIECE_BYTES: Final = 1024 * 1024
_DATABASE_SUFFIX: Final = ".db"
"""Ending of a copy of SQLite; one of PostgreSQL ends with `.dump`."""


def restore_backup(settings: Settings, folder: Path) -> BackupManifest:
    """Restore a lake, and return the manifest of the backup.

    The migrations have to be run afterwards, as before every start.

    Args:
        settings: Say where the lake is to be.
        folder: The folder of the backup.

    Raises:
        BackupUnreadable: The folder is no backup that this version can restore into these settings.
        BackupDamaged: Files of the backup are missing or have changed.
        NotEmpty: Something is where the lake is to be.
        ToolFailed: `pg_restore` is missing or has failed.
        OSError: A file can't be read or written.
    """
    folder = folder.absolute()
    manifest = read_manifest(folder)
    _check_databases(settings, folder, manifest)
    _check_empty(settings)
    check_sums(folder, manifest)
    _restore_files(settings, folder, manifest)
    move = Move(manifest.warehouse, settings.warehouse)
    locations = _restore_metadata(settings, folder, manifest, move)
    _restore_databases(settings, folder, manifest, move, locations)
    return manifest


def verify_lake(database: Database, catalog: LockingCatalog) -> VerifiedSnapshots:
    """Count the rows of every snapshot of a lake that doesn't run, and compare with the ledger.

    Raises:
        CountsDiffer: A snapshot has other rows than the ledger or its own summary states.
        FileNotFoundError: A file that a table names isn't there.
    """
    names = [identifier[-1] for identifier in catalog.list_tables(NAMESPACE)]
    tables = {name: newest_location(catalog, name) for name in names}
    with database.read() as connection:
        recorded = list(ledger.oldest_first(connection))
    return verify_snapshots(DurableFileIO(catalog.properties), tables, recorded)


def _check_databases(settings: Settings, folder: Path, manifest: BackupManifest) -> None:
    """Check that the backup's databases are of the kind that the settings name."""
    urls = {"lake": settings.database_url, "catalog": settings.catalog_uri}
    for name, text in urls.items():
        file = manifest.databases.get(name)
        if file is None:
            raise BackupUnreadable(folder, f"it has no database {name!r}")
        if file.endswith(_DATABASE_SUFFIX) != is_sqlite(make_url(text)):
            kind = "SQLite" if file.endswith(_DATABASE_SUFFIX) else "PostgreSQL"
            raise BackupUnreadable(
                folder, f"{file} is a copy of {kind}, and the settings name none"
            )
    is_one = len(set(manifest.databases.values())) == 1
    if is_one != is_one_database(settings.database_url, settings.catalog_uri):
        count = "one database" if is_one else "two databases"
        raise BackupUnreadable(folder, f"it has {count}, and the settings name another number")


def _check_empty(settings: Settings) -> None:
    for text in (settings.database_url, settings.catalog_uri):
        url = make_url(text)
        if has_tables(url):
            raise NotEmpty(f"the database {url.set(query={}).render_as_string()}")
        # An index of another lake would pass submissions for repeated which this lake hasn't got.
        for derived in derived_files(Path(str(url.database))) if is_sqlite(url) else ():
            raise NotEmpty(str(derived))
    io = DurableFileIO(settings.catalog_properties)
    for place in (settings.warehouse, settings.releases.as_uri(), settings.maps.as_uri()):
        scheme, netloc, path = PyArrowFileIO.parse_location(place, settings.catalog_properties)
        if next(files_below(io.fs_by_scheme(scheme, netloc), path), None):
            raise NotEmpty(place)


def _restore_files(settings: Settings, folder: Path, manifest: BackupManifest) -> None:
    """Copy data files, releases and maps to their new places."""
    io = DurableFileIO(settings.catalog_properties)
    for path in manifest.files:
        if path in manifest.databases.values():
            continue
        if path.startswith(f"{WAREHOUSE}/"):
            place = f"{settings.warehouse.rstrip('/')}/{path.removeprefix(f'{WAREHOUSE}/')}"
        else:
            place = (settings.home.absolute() / path).as_uri()
        _copy(folder / path, place, io)


def _copy(original: Path, url: str, io: FileIO) -> None:
    with original.open("rb") as source, io.new_output(url).create(overwrite=True) as target:
        while piece := source.read(_PIECE_BYTES):
            target.write(piece)


def _restore_metadata(
    settings: Settings, folder: Path, manifest: BackupManifest, move: Move
) -> dict[str, str]:
    """Write metadata that names the new places, and return where that of each table lies."""
    from_backup = Move(manifest.warehouse, (folder / WAREHOUSE).as_uri())
    source = MovedFileIO(from_backup, {})
    target = DurableFileIO(settings.catalog_properties)
    return {
        name: move_metadata(location, move, source, target)
        for name, location in manifest.tables.items()
    }


def _restore_databases(
    settings: Settings,
    folder: Path,
    manifest: BackupManifest,
    move: Move,
    locations: dict[str, str],
) -> None:
    """Restore the catalog, and then the journal, without which there is no lake."""
    lake, catalog = make_url(settings.database_url), make_url(settings.catalog_uri)
    if is_one_database(settings.database_url, settings.catalog_uri):
        restore_database(folder / manifest.databases["lake"], lake)
        with writable(lake) as connection:
            relocate_tables(connection, locations)
            relocate_staged(connection, move)
        return
    with _restored(folder / manifest.databases["catalog"], catalog) as connection:
        relocate_tables(connection, locations)
    with _restored(folder / manifest.databases["lake"], lake) as connection:
        relocate_staged(connection, move)


@contextmanager
def _restored(copy: Path, url: URL) -> Iterator[Connection]:
    """Restore a database, and yield a connection in a transaction that changes it.

    A file of SQLite gets its name once it is changed.
    """
    if not is_sqlite(url):
        restore_database(copy, url)
        with writable(url) as connection:
            yield connection
        return
    path = Path(str(url.database)).absolute()
    make_durable_folder(path.parent)
    temporary = path.with_name(f".{path.name}.restoring")
    shutil.copyfile(copy, temporary)
    with writable(url.set(database=str(temporary))) as connection:
        yield connection
    sync_file(temporary)
    temporary.rename(path)
    sync_folder(path.parent)


def relocate_tables(connection: Connection, locations: dict[str, str]) -> None:
    """Have the catalog name the metadata files of tables where they are now."""
    for name, location in locations.items():
        connection.execute(
            update(IcebergTables)
            .where(IcebergTables.catalog_name == CATALOG_NAME, IcebergTables.table_name == name)
            .values(metadata_location=location, previous_metadata_location=None)
        )


def relocate_staged(connection: Connection, move: Move) -> None:
    """Have the journal's entries name the data files of uploads where they are now."""
    waiting = select(JournalEntry.entry_id, JournalEntry.payload).where(
        JournalEntry.in_files, JournalEntry.payload.is_not(None)
    )
    for entry_id, payload in connection.execute(waiting).all():
        files = [
            StagedFile(move.url(file.path), file.rows) for file in decode_files(payload or b"")
        ]
        moved = encode_files(files)
        connection.execute(
            update(JournalEntry)
            .where(JournalEntry.entry_id == entry_id)
            .values(payload=moved, payload_bytes=len(moved))
        )
