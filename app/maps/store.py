"""The maps that were built, as folders of one folder."""

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
from app.state.published_folder import NameRule, PublishedFolder

# Longer than a release's name, which the maps of a release begin with.
MAP_NAMES: Final = NameRule(max_characters=120)
FILES: Final = frozenset({MAP_FILE, POINTS_FILE, METADATA_FILE, PICTURE_FILE})
"""The files of a map."""


class MapStore:
    """Keeps maps in a folder, each whole or not there at all."""

    def __init__(self, path: Path) -> None:
        """Keep maps in the folder of this path."""
        self._folder = PublishedFolder(path)

    def all(self) -> list[MapDescription]:
        """Return the descriptions of all maps, by name."""
        return [decode_description(file.read_bytes()) for file in self._folder.find_all(MAP_FILE)]

    def find(self, name: str) -> MapDescription:
        """Return the description of a map.

        Raises:
            MapNotFound: No map has this name.
        """
        return decode_description(self.file(name, MAP_FILE).read_bytes())

    def file(self, name: str, path: str) -> Path:
        """Return where a file of a map lies.

        Raises:
            MapNotFound: No map has this name, or maps have no such file.
        """
        folder = self._folder.path / name
        if not MAP_NAMES.allows(name) or not (folder / MAP_FILE).is_file():
            raise MapNotFound(name)
        if path not in FILES:
            raise MapNotFound(name, path)
        return folder / path

    def location(self, name: str) -> Path:
        """Return the folder of a map."""
        return self._folder.path / name

    def remove(self, name: str) -> None:
        """Remove a map.

        Raises:
            MapNotFound: No map has this name.
        """
        self.file(name, MAP_FILE)
        self._folder.remove(name)

    @contextmanager
    def building(self, name: str) -> Iterator[Path]:
        """Yield a folder to build a map in; it is published when the block ends without an error.

        One map is built at a time; what killed builds left is removed.

        Raises:
            MapNameInvalid: The name can't be a folder and a part of a URL.
            MapNameTaken: There is a map by this name.
        """
        if not MAP_NAMES.allows(name):
            raise MapNameInvalid(name, MAP_NAMES.pattern)
        with self._folder.building() as built:
            if self._folder.has(name):
                raise MapNameTaken(name)
            yield built
            self._folder.publish(built, name)
