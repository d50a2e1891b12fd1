"""The store of published maps: subfolders of one folder."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
from app.maps.errors import MapNameTaken, MapNotFound
from app.state.published_folder import NameRule, PublishedFolder

# Longer than the name of a release, which the names of its maps begin with.
MAP_NAMES: Final = NameRule(max_characters=120)
MAP_FILES: Final = frozenset({MAP_FILE, POINTS_FILE, METADATA_FILE, PICTURE_FILE})
"""The files of every map."""
Publishing = Callable[[Path], AbstractContextManager[object]]
"""Returns a context in which the folder of a map is published."""


class MapStore:
    """Keeps published maps in a folder; each is complete or not there at all."""

    def __init__(self, path: Path) -> None:
        """Keep maps in the folder at `path`, which the first build creates."""
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
        """Return the path of a file of a map.

        Raises:
            MapNotFound: No map has this name, or `path` isn't one of `MAP_FILES`.
        """
        folder = self._folder.path / name
        if not MAP_NAMES.allows(name) or not (folder / MAP_FILE).is_file():
            raise MapNotFound(name)
        if path not in MAP_FILES:
            raise MapNotFound(name, path)
        return folder / path

    def location(self, name: str) -> str:
        """Return the path of a map's folder, to be read by a person."""
        return str(self._folder.path / name)

    def remove(self, name: str) -> None:
        """Remove a map.

        Raises:
            MapNotFound: No map has this name.
        """
        self.file(name, MAP_FILE)
        self._folder.remove(name)

    @contextmanager
    def building(self, name: str, publishing: Publishing = nullcontext) -> Iterator[Path]:
        """Yield a folder to build a map in, and publish it when the block ends without an error.

        Builds wait for each other; what killed builds left is removed.

        Args:
            name: Name of the map.
            publishing: Returns a context in which the folder of a map is published.

        Raises:
            NameInvalid: The name can't be a folder and a part of a URL.
            MapNameTaken: Another map has the name.
        """
        MAP_NAMES.check(name)
        with self._folder.building() as built:
            if self._folder.has(name):
                raise MapNameTaken(name)
            yield built
            with publishing(built):
                self._folder.publish(built, name)

    @contextmanager
    def revising(self) -> Iterator[Path]:
        """Yield a folder for `replace`; no other process may revise maps meanwhile."""
        with self._folder.revising() as revised:
            yield revised

    def replace(self, revised: Path, name: str) -> None:
        """Put the files of a folder in the place of those of a map, `map.json` last."""
        self._folder.replace(revised, name, MAP_FILE)

    def remove_unfinished(self) -> None:
        """Remove what killed processes left: see `PublishedFolder.remove_unfinished`."""
        self._folder.remove_unfinished()
