"""The maps that were built: folders under one shelf, whole or not there at all."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.maps.description import (
    MAP_FILE,
    METADATA_FILE,
    PICTURE_FILE,
    POINTS_FILE,
    MapDescription,
    decode_description,
)
from app.maps.errors import MapNameInvalid, MapNameTaken, MapNotFound
from app.state.folders import publish, take_away, workshop

# Longer than a release's name, which the maps of a release begin with.
NAME_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$"
FILES: Final = frozenset({MAP_FILE, POINTS_FILE, METADATA_FILE, PICTURE_FILE})
"""The files of a map."""


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
    take_away(find_file(shelf, name, MAP_FILE).parent)


@contextmanager
def building(shelf: Path, name: str) -> Iterator[Path]:
    """Yield a folder to build a map in, which has its name when the block ends without an error.

    One map is built at a time; what killed builds left is removed.

    Raises:
        MapNameInvalid: The name can't be used.
        MapNameTaken: There is a map by this name.
    """
    check_name(name)
    with workshop(shelf) as folder:
        if (shelf / name).exists():
            raise MapNameTaken(name)
        yield folder
        publish(folder, shelf / name)


def _is_name(name: str) -> bool:
    # `$` alone would let a newline through at the end.
    return re.fullmatch(NAME_PATTERN, name) is not None
