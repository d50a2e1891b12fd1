"""The maps that were built: folders under one shelf, whole or not there at all."""

import fcntl
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from app.maps.description import (
    MAP_FILE,
    METADATA_FILE,
    PICTURE_FILE,
    POINTS_FILE,
    MapDescription,
    decode_description,
)
from app.maps.errors import MapNameInvalid, MapNameTaken, MapNotFound
from catalog.durability import make_durable_folder, sync_folder

# Longer than a release's name, which the maps of a release begin with.
NAME_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$"
FILES: Final = frozenset({MAP_FILE, POINTS_FILE, METADATA_FILE, PICTURE_FILE})
"""The files of a map."""
_UNFINISHED: Final = ".building"


def check_name(name: str) -> None:
    """Raise MapNameInvalid unless the name can be a folder and a part of a URL."""
    if not _is_name(name):
        raise MapNameInvalid(name, NAME_PATTERN)


def list_maps(shelf: Path) -> list[MapDescription]:
    """Return what all maps are, by name."""
    return [
        decode_description(file.read_bytes()) for file in sorted(shelf.glob(f"[!.]*/{MAP_FILE}"))
    ]


def find_map(shelf: Path, name: str) -> MapDescription:
    """Return what a map is.

    Raises:
        MapNotFound: There is none by this name.
    """
    return decode_description(find_file(shelf, name, MAP_FILE).read_bytes())


def find_file(shelf: Path, name: str, path: str) -> Path:
    """Return where a file of a map lies.

    Raises:
        MapNotFound: There is no such map, or maps have no such file.
    """
    folder = shelf / name
    if not _is_name(name) or not (folder / MAP_FILE).is_file():
        raise MapNotFound(name)
    if path not in FILES:
        raise MapNotFound(name, path)
    return folder / path


def remove_map(shelf: Path, name: str) -> None:
    """Remove a map.

    Raises:
        MapNotFound: There is none by this name.
    """
    folder = find_file(shelf, name, MAP_FILE).parent
    # Under another name it is no map any more, also when removing it is cut short.
    away = shelf / f".{uuid4().hex}{_UNFINISHED}"
    folder.rename(away)
    sync_folder(shelf)
    shutil.rmtree(away)


@contextmanager
def building(shelf: Path, name: str) -> Iterator[Path]:
    """Yield a folder to build a map in, which has its name when the block ends without an error.

    One map is built at a time; what killed builds left is removed.

    Raises:
        MapNameInvalid: The name can't be used.
        MapNameTaken: There is a map by this name.
    """
    check_name(name)
    make_durable_folder(shelf)
    with (shelf / ".lock").open("a") as lock:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        for left in shelf.glob(f".*{_UNFINISHED}"):
            shutil.rmtree(left, ignore_errors=True)
        if (shelf / name).exists():
            raise MapNameTaken(name)
        folder = shelf / f".{uuid4().hex}{_UNFINISHED}"
        folder.mkdir()
        try:
            yield folder
            folder.rename(shelf / name)
            sync_folder(shelf)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _is_name(name: str) -> bool:
    # `$` alone would let a newline through at the end.
    return re.fullmatch(NAME_PATTERN, name) is not None
