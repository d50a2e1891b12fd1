"""Making local files survive a power cut.

A file is durable once its bytes, its entry in its folder, and the entries of all folders above are
synced: see fsync(2). A rename alone promises nothing; ext4's `auto_da_alloc` explains why.
"""

import fcntl
import os
from io import FileIO
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self
from uuid import uuid4

_anchored: set[Path] = set()
_anchored_lock = Lock()


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_durable_folder(folder: Path) -> None:
    """Make a folder and its parents, and make their names durable.

    Parents that already exist are synced too, once per process: the process that made them may have
    died before it synced them.
    """
    folder = folder.absolute()
    with _anchored_lock:
        if folder in _anchored and folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        for parent in folder.parents:
            if os.access(parent, os.R_OK):
                sync_folder(parent)
        _anchored.add(folder)


def is_abandoned(temporary: Path) -> bool:
    """Tell whether the temporary file of a `DurableFile` has no writer any more.

    Raises:
        FileNotFoundError: The file is gone, since its writer has finished.
    """
    with temporary.open("rb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class DurableFile(FileIO):
    """A file that appears under its name only when it is whole and synced.

    The bytes are written to a temporary file in the same folder. Closing syncs them, renames the
    file and syncs the folder. A failed write, or an exception in the `with` block, discards it.
    """

    def __init__(self, path: Path) -> None:
        make_durable_folder(path.parent)
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
        self._spoiled = False
        super().__init__(self._temporary, "xb")
        # Released when this process dies: see `is_abandoned`.
        fcntl.flock(self.fileno(), fcntl.LOCK_SH)

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed names a private buffer type
        """Write all of the data; a raw file may write only a part, which callers don't check."""
        try:
            rest = memoryview(data).cast("B")
            size = len(rest)
            while rest:
                rest = rest[super().write(rest) :]
        except BaseException:
            self._spoiled = True
            raise
        return size

    def close(self) -> None:
        """Publish the file under its name, or discard it when a write or the block failed."""
        if self.closed:
            return
        try:
            self._publish()
        finally:
            # A published file no longer has the temporary name.
            self._temporary.unlink(missing_ok=True)

    def _publish(self) -> None:
        try:
            if not self._spoiled:
                os.fsync(self.fileno())
        finally:
            super().close()
        if not self._spoiled:
            self._temporary.rename(self._path)
            sync_folder(self._path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._spoiled = self._spoiled or exception_type is not None
        self.close()

    def __del__(self) -> None:
        self._spoiled = True
        self.close()
