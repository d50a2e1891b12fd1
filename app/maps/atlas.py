"""The viewer of maps: Apple's Embedding Atlas, of which only the static files are used.

The package is installed without what it depends on, so it can't be imported.
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
_LABELS: Final = 40
"""Clusters that are labelled at most, the largest; the viewer leaves out those that overlap."""


def find_asset(path: str) -> Path:
    """Return where a file of the viewer lies.

    Raises:
        MapNotFound: It has no such file.
        AtlasUnavailable: The package isn't installed.
    """
    file = _files().get(path)
    if file is None:
        raise MapNotFound("atlas", path)
    return file


@cache
def _files() -> dict[str, Path]:
    """Return the viewer's files by their paths: what isn't listed can't be asked for."""
    # Where a package lies can be found without importing it.
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise AtlasUnavailable(PACKAGE)
    folder = Path(spec.origin).parent / "static"
    return {
        file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()
    }


def metadata(clusters: Sequence[Cluster]) -> bytes:
    """Return what the viewer reads first: where the points are, and what to show of them.

    It is the form that `embedding-atlas --export-application` writes as `data/metadata.json`.
    """
    largest = sorted(clusters, key=lambda cluster: -cluster.rows)[:_LABELS]
    content: dict[str, Any] = {
        # There is no server to ask for archives, or to keep what was computed.
        "isStatic": True,
        # DuckDB runs in the browser, and loads dataset.parquet.
        "database": {"type": "wasm", "load": True},
        "props": {
            "data": _POINT_COLUMNS,
            "embeddingViewLabels": [
                {"x": each.x, "y": each.y, "content": each.name, "priority": each.rows, "level": 0}
                for each in largest
            ],
            "defaultChartsConfig": {
                "embedding": {"title": "Map", "data": _shown(), "mode": "points"},
                "exclude": ["id", "contribution_id"],
            },
        },
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _shown() -> dict[str, str]:
    return {"x": "x", "y": "y", "text": "text", "category": "cluster"}
