"""Copying files into a backup: by a link where that is possible, and never twice."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pyarrow.fs import FileInfo, FileSystem, LocalFileSystem

from app.backup.errors import BackupDamaged
from app.backup.manifest import BackedUpFile, BackupManifest
from app.state.checksums import sha256_of
from catalog.storage.durability import sync_folder

_PIECE_BYTES: Final = 1024 * 1024


class FileCopies:
    """The files of a backup that is being made.

    A file of the previous backup with the same path, size and time has the same content: files of a
    lake are never written a second time, but replaced. It is linked from there. A file on the disk
    of the backup is linked from the lake, and any other is copied.

    Attributes:
        files: The files so far, by their paths in the backup.
        copied_bytes: Bytes that were copied.
    """

    def __init__(self, folder: Path, previous: tuple[Path, BackupManifest] | None) -> None:
        """Copy into a folder.

        Args:
            folder: The folder of the backup that is being made.
            previous: The folder and the manifest of an earlier backup; None without one.
        """
        self.files: dict[str, BackedUpFile] = {}
        self.copied_bytes = 0
        self._folder = folder
        self._previous = previous

    def add(self, path: str, filesystem: FileSystem, original: FileInfo) -> None:
        """Add a file, unless an earlier attempt has added it as it is.

        Args:
            path: Path of the file in the backup.
            filesystem: Where the original lies.
            original: The original, as its file system describes it.

        Raises:
            FileNotFoundError: The original is gone.
            BackupDamaged: The copy has other bytes than the original.
        """
        target = self._folder / path
        known = self.files.get(path)
        if known is not None and _is_same(known, original):
            return
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        sha256 = self._link_previous(path, original, target)
        if sha256 is None:
            if not _link(filesystem, original.path, target):
                self._copy(path, filesystem, original, target)
            sha256 = sha256_of(target)
        self.files[path] = BackedUpFile(
            size_bytes=original.size, modified_ns=original.mtime_ns, sha256=sha256
        )

    def add_made(self, path: str) -> None:
        """Add a file that was written into the folder."""
        status = (self._folder / path).stat()
        self.files[path] = BackedUpFile(
            size_bytes=status.st_size,
            modified_ns=status.st_mtime_ns,
            sha256=sha256_of(self._folder / path),
        )

    def keep_only(self, paths: Iterable[str]) -> None:
        """Remove every other file, which an earlier attempt has added, and sync the folders."""
        kept = set(paths)
        self.files = {path: file for path, file in self.files.items() if path in kept}
        for root, _, names in os.walk(self._folder, topdown=False):
            for name in names:
                file = Path(root, name)
                if file.relative_to(self._folder).as_posix() not in kept:
                    file.unlink()
            sync_folder(Path(root))

    def _link_previous(self, path: str, original: FileInfo, target: Path) -> str | None:
        """Link a file from the previous backup, and return its sum; None if that one has another.

        A hard link that can't be made, since it has too many already, is a copy.
        """
        if self._previous is None:
            return None
        folder, manifest = self._previous
        file = manifest.files.get(path)
        if file is None or not _is_same(file, original):
            return None
        is_linked = _link(LocalFileSystem(), str(folder / path), target)
        return file.sha256 if is_linked else None

    def _copy(self, path: str, filesystem: FileSystem, original: FileInfo, target: Path) -> None:
        digest = hashlib.sha256()
        with filesystem.open_input_stream(original.path) as source, target.open("xb") as copy:
            while piece := source.read(_PIECE_BYTES):
                digest.update(piece)
                copy.write(piece)
                self.copied_bytes += len(piece)
            copy.flush()
            os.fsync(copy.fileno())
        if sha256_of(target) != digest.hexdigest():
            raise BackupDamaged(self._folder, [path])
        os.utime(target, ns=(original.mtime_ns, original.mtime_ns))


def _is_same(file: BackedUpFile, original: FileInfo) -> bool:
    return (file.size_bytes, file.modified_ns) == (original.size, original.mtime_ns)


def _link(filesystem: FileSystem, path: str, target: Path) -> bool:
    """Make a hard link, and return whether that was possible.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if not isinstance(filesystem, LocalFileSystem):
        return False
    try:
        target.hardlink_to(path)
    except FileNotFoundError:
        raise
    except OSError:
        # Another disk, or one without links: the file is copied.
        return False
    return True
