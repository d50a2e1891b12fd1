"""The static files of the viewer of maps, Apple's Embedding Atlas.

The package is installed without its dependencies, so it can't be imported.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from app.maps.errors import AtlasUnavailable, MapNotFound

INDEX_FILE: Final = "index.html"
_PACKAGE: Final = "embedding-atlas"


def find_asset(path: str) -> Path:
    """Return the path of a file of the viewer.

    Args:
        path: Path of the file in the viewer's folder.

    Raises:
        MapNotFound: The viewer has no such file.
        AtlasUnavailable: The package isn't installed.
    """
    file = asset_files().get(path)
    if file is None:
        raise MapNotFound("atlas", path)
    return file


@cache
def asset_files() -> dict[str, Path]:
    """Return the viewer's files by their paths; no other file is ever sent."""
    spec = find_spec(_PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise AtlasUnavailable(_PACKAGE)
    folder = Path(spec.origin).parent / "static"
    return {
        file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()
    }
