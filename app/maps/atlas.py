"""The viewer of maps: the static files of Apple's Embedding Atlas.

The package is installed without its dependencies, so it can't be imported.
"""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from app.maps.clusters import Cluster
from app.maps.errors import AtlasUnavailable, MapNotFound

PACKAGE: Final = "embedding-atlas"
INDEX_FILE: Final = "index.html"
_POINT_COLUMNS: Final = {"id": "id", "text": "text", "projection": {"x": "x", "y": "y"}}
_CHART_COLUMNS: Final = {"x": "x", "y": "y", "text": "text", "category": "cluster"}


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
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise AtlasUnavailable(PACKAGE)
    folder = Path(spec.origin).parent / "static"
    return {
        file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()
    }


def encode_metadata(clusters: Sequence[Sequence[Cluster]]) -> bytes:
    """Return `metadata.json`, which tells the viewer where the points are and what to show.

    It has the format of `data/metadata.json` as `embedding-atlas --export-application` writes it.

    Args:
        clusters: The clusters of each level, broadest first.
    """
    content: dict[str, Any] = {
        # No server makes archives or caches results.
        "isStatic": True,
        # DuckDB runs in the browser, and loads dataset.parquet.
        "database": {"type": "wasm", "load": True},
        "props": {
            "data": _POINT_COLUMNS,
            # The viewer shows one level after the other as one zooms in, and of labels that overlap
            # that of the larger cluster.
            "embeddingViewLabels": [
                {
                    "x": cluster.x,
                    "y": cluster.y,
                    "content": cluster.name,
                    "priority": cluster.rows,
                    "level": level,
                }
                for level, of_level in enumerate(clusters)
                for cluster in of_level
            ],
            "defaultChartsConfig": {
                "embedding": {"title": "Map", "data": _CHART_COLUMNS, "mode": "points"},
                "exclude": ["id", "contribution_id"],
            },
        },
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
