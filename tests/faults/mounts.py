"""Filesystems for tests, which can lose their power or run out of space. Mounting needs root."""

import gc
import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.functional.server import eventually
from tests.programs import program

# Far above the minimum of mkfs.xfs, whose log alone takes 64 MiB.
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
        # Lazy, since a failed test may have left files open.
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
        # A sparse file takes no more space than is written to it.
        with self._image.open("r+b") as image:
            image.truncate(DEVICE_BYTES)
        package = {"ext4": "e2fsprogs", "xfs": "xfsprogs"}[kind]
        _run(program(f"mkfs.{kind}", package), "-q", self._image)

    def mount(self) -> None:
        """Mount the disk; the filesystem replays its log."""
        _run(program("mount"), "-o", "loop", self._image, self.path)

    def cut_power(self) -> None:
        """Stop all writes at once, including the filesystem's log; everything unsynced is lost."""
        _run(program("xfs_io", "xfsprogs"), "-x", "-c", "shutdown", self.path)

    def restore_power(self) -> None:
        """Mount the disk again."""
        eventually(f"{self.path} is unmounted", self._is_unmounted, UNMOUNT_TIMEOUT_S)
        # A mount namespace that was made meanwhile keeps the filesystem as it was: without power.
        eventually(f"{self._image} is mounted nowhere else", self._is_detached, UNMOUNT_TIMEOUT_S)
        self.mount()

    def _is_unmounted(self) -> bool:
        # Files that this process has open but no longer uses are closed by the garbage collector.
        gc.collect()
        command = [program("umount", "mount"), str(self.path)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _is_detached(self) -> bool:
        command = [program("losetup", "mount"), "--associated", str(self._image)]
        return not subprocess.run(command, capture_output=True, check=True).stdout


class Tmpfs(Mount):
    """A filesystem in memory whose size can change."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        super().__init__(path)
        self._size_bytes = size_bytes

    def mount(self) -> None:
        """Mount the filesystem with its full size."""
        _run(program("mount"), "-t", "tmpfs", "-o", f"size={self._size_bytes}", "tmpfs", self.path)

    def fill(self) -> None:
        """Take all free space away."""
        # It can't be smaller than its content, which may grow meanwhile, so this is repeated.
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

    def _resize(self, size_bytes: int) -> int:
        command = [program("mount"), "-o", f"remount,size={size_bytes}", str(self.path)]
        return subprocess.run(command, capture_output=True, check=False).returncode


def _run(*command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
