"""A folder whose subfolders are published results, such as releases or maps.

Each result is complete or not there at all: it is built in a subfolder of another name, which is
renamed when it is complete.
"""

import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import ClassVar, Final
from uuid import uuid4

from catalog.errors import LakeError, NotFound
from catalog.storage.durability import make_durable_folder, sync_folder

_UNFINISHED_SUFFIX: Final = ".building"
_REVISING_SUFFIX: Final = ".revising"


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
            self._clear(_UNFINISHED_SUFFIX)
            with self._temporary(_UNFINISHED_SUFFIX) as built:
                yield built

    @contextmanager
    def revising(self) -> Iterator[Path]:
        """Yield a new folder for files that are to replace those of a result.

        The caller sees to it that one process revises at a time. The folder is removed at the end,
        and so is what a killed process left.
        """
        make_durable_folder(self.path)
        self._clear(_REVISING_SUFFIX)
        with self._temporary(_REVISING_SUFFIX) as revised:
            yield revised

    def remove_unfinished(self) -> None:
        """Remove what killed processes left; what builds left only if none runs.

        A build that runs has removed what those before it left. Nothing may be revised meanwhile.
        """
        make_durable_folder(self.path)
        self._clear(_REVISING_SUFFIX)
        with (self.path / ".lock").open("a") as lock:
            try:
                flock(lock.fileno(), LOCK_EX | LOCK_NB)
            except BlockingIOError:
                return
            self._clear(_UNFINISHED_SUFFIX)

    def publish(self, built: Path, name: str) -> None:
        """Rename a folder that `building` yielded to the name of its result, durably.

        Raises:
            OSError: A result has this name.
        """
        built.rename(self.path / name)
        sync_folder(self.path)

    def replace(self, revised: Path, name: str, last: str) -> None:
        """Move the files of a folder into that of a result, each in the place of its namesake.

        Args:
            revised: The folder that `revising` yielded.
            name: Name of the result.
            last: Path of the file that is moved once all others are there for good.
        """
        folder = self.path / name
        files = {path.relative_to(revised): path for path in revised.rglob("*") if path.is_file()}
        final = files.pop(Path(last))
        for path, file in files.items():
            make_durable_folder((folder / path).parent)
            file.rename(folder / path)
        for changed in {(folder / path).parent for path in files}:
            sync_folder(changed)
        final.rename(folder / last)
        sync_folder(folder)

    def keep_only(self, name: str, paths: Collection[str]) -> None:
        """Remove every file of a result but those with these paths in its folder."""
        folder = self.path / name
        for file in [path for path in folder.rglob("*") if path.is_file()]:
            if file.relative_to(folder).as_posix() not in paths:
                file.unlink()
        for inner in [path for path in folder.rglob("*") if path.is_dir()]:
            sync_folder(inner)
            if not any(inner.iterdir()):
                inner.rmdir()
        sync_folder(folder)

    def remove(self, name: str) -> None:
        """Remove a result: it is renamed first, so that it is gone at once."""
        removed = self._hidden_path(_UNFINISHED_SUFFIX)
        (self.path / name).rename(removed)
        sync_folder(self.path)
        shutil.rmtree(removed, ignore_errors=True)

    @contextmanager
    def _temporary(self, suffix: str) -> Iterator[Path]:
        made = self._hidden_path(suffix)
        made.mkdir()
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _clear(self, suffix: str) -> None:
        for left in self.path.glob(f".*{suffix}"):
            # Another process may be removing a result at this moment.
            shutil.rmtree(left, ignore_errors=True)

    def _hidden_path(self, suffix: str) -> Path:
        return self.path / f".{uuid4().hex}{suffix}"
