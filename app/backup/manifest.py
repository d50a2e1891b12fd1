"""The manifest of a backup, which is written last: what the backup holds, with sums."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from app.backup.errors import BackupDamaged, BackupUnreadable
from app.state.checksums import sha256_of
from catalog.storage.durability import DurableFile

MANIFEST_FILE: Final = "backup.json"
FORMAT: Final = 1
"""Version of the layout of backups."""
WAREHOUSE: Final = "warehouse"
"""Name of the folder of a backup with the files of the tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUpFile:
    """A file of a backup.

    Attributes:
        size_bytes: Size of the file.
        modified_ns: When the original was last written, in nanoseconds since 1970.
        sha256: SHA-256 of the file in hexadecimal.
    """

    size_bytes: int
    modified_ns: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupManifest:
    """What a backup holds.

    Attributes:
        format: Version of the layout.
        version: Version of the service that made the backup.
        made_at: When the databases were copied.
        warehouse: URL of the warehouse that the metadata in the backup names.
        databases: Names of the files with the databases, by `lake` and `catalog`; both are the same
            where they are one database of PostgreSQL.
        tables: URLs of the metadata files of the tables, by their names.
        files: Files of the lake, by their paths in the backup.
    """

    format: int
    version: str
    made_at: datetime
    warehouse: str
    databases: dict[str, str]
    tables: dict[str, str]
    files: dict[str, BackedUpFile]


_decode = msgspec.json.Decoder(BackupManifest).decode


def write_manifest(folder: Path, manifest: BackupManifest) -> None:
    """Write the manifest of a backup durably."""
    with DurableFile(folder / MANIFEST_FILE) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def read_manifest(folder: Path) -> BackupManifest:
    """Read the manifest of a backup.

    Raises:
        BackupUnreadable: The folder has no manifest, a malformed one, or one of another format.
    """
    try:
        manifest = _decode((folder / MANIFEST_FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise BackupUnreadable(folder, f"there is no {MANIFEST_FILE}") from None
    except msgspec.DecodeError as error:
        raise BackupUnreadable(folder, f"{MANIFEST_FILE}: {error}") from error
    if manifest.format != FORMAT:
        raise BackupUnreadable(folder, f"its format is {manifest.format} and not {FORMAT}")
    return manifest


def check_sums(folder: Path, manifest: BackupManifest) -> None:
    """Read every file of a backup, and compare its bytes with its sum.

    Raises:
        BackupDamaged: Files are missing or have changed.
    """
    damaged = list(_damaged(folder, manifest))
    if damaged:
        raise BackupDamaged(folder, damaged)


def _damaged(folder: Path, manifest: BackupManifest) -> Iterator[str]:
    for path, file in manifest.files.items():
        try:
            if sha256_of(folder / path) != file.sha256:
                yield path
        except FileNotFoundError:
            yield path
