"""A folder of results, such as releases or maps: each a folder that is whole or not there at all.

A result is built in a folder of another name, and renamed when it is whole.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Final
from uuid import uuid4

from catalog.durability import make_durable_folder, sync_folder

_UNFINISHED: Final = ".building"


@dataclass(frozen=True, slots=True)
class NameRule:
    """Which names a result may have: those that can be a folder and a part of a URL.

    Attributes:
        max_characters: The longest name.
    """

    max_characters: int

    @property
    def pattern(self) -> str:
        """The rule as a regular expression."""
        return f"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{self.max_characters - 1}}}$"

    def allows(self, name: str) -> bool:
        """Tell whether a result may have this name."""
        # `$` alone would let a newline through at the end.
        return re.fullmatch(self.pattern, name) is not None


class PublishedFolder:
    """A folder of results.

    Attributes:
        path: Its path; it is made with the first result.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def having(self, file: str) -> list[Path]:
        """Return the paths of a file in every result that has it, by the results' names."""
        return sorted(self.path.glob(f"[!.]*/{file}"))

    def has(self, name: str) -> bool:
        """Tell whether something has a name already."""
        return (self.path / name).exists()

    @contextmanager
    def building(self) -> Iterator[Path]:
        """Yield a new folder to build a result in, which `publish` gives its name.

        One result is built at a time, in whatever process. What this or a killed build left is
        removed.
        """
        make_durable_folder(self.path)
        with (self.path / ".lock").open("a") as lock:
            flock(lock.fileno(), LOCK_EX)
            for left in self.path.glob(f".*{_UNFINISHED}"):
                # Another process may be removing a result at this moment.
                shutil.rmtree(left, ignore_errors=True)
            built = self._unfinished()
            built.mkdir()
            try:
                yield built
            finally:
                shutil.rmtree(built, ignore_errors=True)

    def publish(self, built: Path, name: str) -> None:
        """Give a folder that was built here its name, durably.

        Raises:
            OSError: Something has this name.
        """
        built.rename(self.path / name)
        sync_folder(self.path)

    def remove(self, name: str) -> None:
        """Remove a result: its name is gone before its files are."""
        removed = self._unfinished()
        (self.path / name).rename(removed)
        sync_folder(self.path)
        shutil.rmtree(removed, ignore_errors=True)

    def _unfinished(self) -> Path:
        return self.path / f".{uuid4().hex}{_UNFINISHED}"
