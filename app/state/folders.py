"""Folders that are whole, or not there at all: built aside, and renamed to their names."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Final
from uuid import uuid4

from catalog.durability import make_durable_folder, sync_folder

_UNFINISHED: Final = ".building"


@contextmanager
def workshop(shelf: Path) -> Iterator[Path]:
    """Yield a new folder on a shelf, to build in and to `publish` before the block ends.

    One block at a time has the shelf, in whatever process. What this or a killed build left is
    removed.
    """
    make_durable_folder(shelf)
    with (shelf / ".lock").open("a") as lock:
        flock(lock.fileno(), LOCK_EX)
        for left in shelf.glob(f".*{_UNFINISHED}"):
            # Whoever takes a folder away may be removing it at this moment.
            shutil.rmtree(left, ignore_errors=True)
        made = _aside(shelf)
        made.mkdir()
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)


def publish(built: Path, place: Path) -> None:
    """Give a folder its name, for good, on the same disk.

    Raises:
        OSError: There is something by this name.
    """
    built.rename(place)
    sync_folder(place.parent)


def take_away(folder: Path) -> None:
    """Remove a folder, which has its name no more as soon as that begins."""
    away = _aside(folder.parent)
    publish(folder, away)
    shutil.rmtree(away, ignore_errors=True)


def _aside(shelf: Path) -> Path:
    return shelf / f".{uuid4().hex}{_UNFINISHED}"
