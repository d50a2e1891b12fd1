"""Filesystems of a test's own, which can lose their power or run out of space. They need root."""

import gc
import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.functional.server import eventually
from tests.programs import program

# Not the least that mkfs.xfs takes is enough: its log alone is 64 MiB.
DEVICE_BYTES: Final = 1024 * 1024 * 1024
UNMOUNT_TIMEOUT_S: Final = 30.0


class Mount(ABC):
    """A filesystem that is mounted within its block.

    Attributes:
        path: Where it is mounted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        self.path.mkdir()
        self.mount()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A test that failed may have left something open: it keeps what it has, and nothing else.
        _run(program("umount", "mount"), "--lazy", self.path)

    @abstractmethod
    def mount(self) -> None:
        """Mount it."""


class Disk(Mount):
    """A disk in a file, with a filesystem such as ext4 or xfs, whose power can be cut."""

    def __init__(self, path: Path, kind: str) -> None:
        """Make the filesystem."""
        super().__init__(path)
        self._image = path.with_name(f"{path.name}.img")
        self._image.touch()
        # It takes no more space than is written to it.
        with self._image.open("r+b") as image:
            image.truncate(DEVICE_BYTES)
        package = {"ext4": "e2fsprogs", "xfs": "xfsprogs"}[kind]
        _run(program(f"mkfs.{kind}", package), "-q", self._image)

    def mount(self) -> None:
        """Mount it, and repair what a cut has left from its log."""
        _run(program("mount"), "-o", "loop", self._image, self.path)

    def cut_power(self) -> None:
        """Stop all writes at once, that of the log included; whatever was not synced is lost."""
        _run(program("xfs_io", "xfsprogs"), "-x", "-c", "shutdown", self.path)

    def restore_power(self) -> None:
        """Mount it anew, from what is on the disk."""
        eventually(f"{self.path} is unmounted", self._is_unmounted, UNMOUNT_TIMEOUT_S)
        self.mount()

    def _is_unmounted(self) -> bool:
        # What this process had open there, and no longer knows of, is closed when it is collected.
        gc.collect()
        command = [program("umount", "mount"), str(self.path)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Tmpfs(Mount):
    """A filesystem in memory whose size can change."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        super().__init__(path)
        self._size_bytes = size_bytes

    def mount(self) -> None:
        """Mount it, with all its space."""
        _run(program("mount"), "-t", "tmpfs", "-o", f"size={self._size_bytes}", "tmpfs", self.path)

    def fill(self) -> None:
        """Take all free space away."""
        # It can't be smaller than what is in it, which grows meanwhile.
        eventually(
            f"{self.path} is full", lambda: self._resize(shutil.disk_usage(self.path).used) == 0
        )

    def give_back(self) -> None:
        """Give all space back."""
        assert self._resize(self._size_bytes) == 0, f"{self.path} did not get its space back"

    def grow(self, more_bytes: int) -> None:
        """Add space."""
        self._size_bytes += more_bytes
        self.give_back()

    def _takes_no_more(self) -> bool:
        return self._resize(shutil.disk_usage(self.path).used) == 0

    def _resize(self, size_bytes: int) -> int:
        command = [program("mount"), "-o", f"remount,size={size_bytes}", str(self.path)]
        return subprocess.run(command, capture_output=True, check=False).returncode


def _run(*command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
