"""A folder whose subfolders are published results, such as releases or maps.

Each result is complete or not there at all: it is built in a subfolder of another name, which is
renamed when it is complete.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import ClassVar, Final
from uuid import uuid4

from catalog.durability import make_durable_folder, sync_folder
from catalog.errors import LakeError, NotFound

_UNFINISHED_SUFFIX: Final = ".building"


class NameInvalid(LakeError):
    """The name can't be a folder and a part of a URL everywhere."""

    def __init__(self, name: str, pattern: str) -> None:
        super().__init__(f"the name {name!r} doesn't match {pattern}")
        self.name = name
        self.pattern = pattern


class ResultNotFound(NotFound):
    """No result has this name, or it has no such file.

    Attributes:
        kind: The noun for a result in the message, such as `map`.
        name: Name of the result.
        path: Path of the missing file; None when the result is missing.
    """

    kind: ClassVar[str]

    def __init__(self, name: str, path: str | None = None) -> None:
        missing = "no" if path is None else f"no file {path!r} in"
        super().__init__(f"{missing} {self.kind} {name!r}")
        self.name = name
        self.path = path


@dataclass(frozen=True, slots=True)
class NameRule:
    """The names that a result may have: those that can be a folder and a part of a URL.

    Attributes:
        max_characters: Maximum length of a name.
    """

    max_characters: int

    @property
    def pattern(self) -> str:
        """Regular expression that matches the allowed names."""
        return f"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{self.max_characters - 1}}}$"

    def allows(self, name: str) -> bool:
        """Tell whether a result may have this name."""
        # `re.match` would accept a newline after the name, since `$` matches before it.
        return re.fullmatch(self.pattern, name) is not None

    def check(self, name: str) -> None:
        """Check that a result may have this name.

        Raises:
            NameInvalid: The name isn't allowed.
        """
        if not self.allows(name):
            raise NameInvalid(name, self.pattern)


class PublishedFolder:
    """A folder of published results.

    Attributes:
        path: Path of the folder; the first build creates it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def find_all(self, file: str) -> list[Path]:
        """Return the paths of a file in all results that have it, sorted by the results' names."""
        return sorted(self.path.glob(f"[!.]*/{file}"))

    def has(self, name: str) -> bool:
        """Tell whether a result has this name."""
        return (self.path / name).exists()

    @contextmanager
    def building(self) -> Iterator[Path]:
        """Yield a new folder to build a result in, for `publish` to rename.

        Builds wait for each other, also across processes. The folder is removed at the end unless
        it was published, and so is what a killed build left.
        """
        make_durable_folder(self.path)
        with (self.path / ".lock").open("a") as lock:
            flock(lock.fileno(), LOCK_EX)
            for unfinished in self.path.glob(f".*{_UNFINISHED_SUFFIX}"):
                # Another process may be removing a result at this moment.
                shutil.rmtree(unfinished, ignore_errors=True)
            built = self._unfinished_path()
            built.mkdir()
            try:
                yield built
            finally:
                shutil.rmtree(built, ignore_errors=True)

    def publish(self, built: Path, name: str) -> None:
        """Rename a folder that `building` yielded to the name of its result, durably.

        Raises:
            OSError: A result has this name.
        """
        built.rename(self.path / name)
        sync_folder(self.path)

    def remove(self, name: str) -> None:
        """Remove a result: it is renamed first, so that it is gone at once."""
        removed = self._unfinished_path()
        (self.path / name).rename(removed)
        sync_folder(self.path)
        shutil.rmtree(removed, ignore_errors=True)

    def _unfinished_path(self) -> Path:
        return self.path / f".{uuid4().hex}{_UNFINISHED_SUFFIX}"
