"""The metadata of a map for its viewer, Apple's Embedding Atlas."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from app.maps.description import MapSource
from app.maps.texts import ROLES, SHOWN

if TYPE_CHECKING:
    # Finding and naming clusters needs libraries that a server doesn't.
    from app.maps.clusters.finding import Cluster

_POINT_COLUMNS: Final = {"id": "id", "text": SHOWN, "projection": {"x": "x", "y": "y"}}
_CHART_COLUMNS: Final = {"x": "x", "y": "y", "text": SHOWN, "category": "cluster"}
_UNSHOWN: Final = ("id", "roles", "x", "y")
"""Columns that tell a reader of a conversation nothing more."""
_STRANGERS_WORDS: Final = ("model", "source", "agent_id")
"""Columns whose values would become a link or a picture if they looked like an address."""
_MANY_VALUES: Final = ("model", "source", "agent_id")
"""Columns that get a chart of their most frequent values even if they have more than 1,000, for
which the viewer makes none by itself."""
_CONTRIBUTION_URL: Final = "../../v1/contributions/"
"""Where the API has contributions, as seen from the page of a map."""


def encode_metadata(
    source: MapSource, columns: Sequence[str], clusters: "Sequence[Sequence[Cluster]]"
) -> bytes:
    """Return `metadata.json`, which tells the viewer where the points are and what to show.

    It has the format of `data/metadata.json` as `embedding-atlas --export-application` writes it.

    Args:
        source: Source of the points.
        columns: Names of the columns of the points.
        clusters: The clusters of each level, broadest first.
    """
    content: dict[str, Any] = {
        # No server makes archives or caches results.
        "isStatic": True,
        # DuckDB runs in the browser, and loads dataset.parquet.
        "database": {"type": "wasm", "load": True},
        "props": {
            "data": _POINT_COLUMNS,
            "initialState": {"columnStyles": _column_styles(source)},
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
                "table": {
                    "title": "Conversations",
                    "columns": [name for name in columns if name not in _UNSHOWN],
                },
                "exclude": ["id", "contribution_id"],
                "override": {
                    name: {"type": "count-plot", "title": name, "data": {"field": name}}
                    for name in _MANY_VALUES
                },
            },
        },
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _column_styles(source: MapSource) -> dict[str, Any]:
    """Return how the viewer shows columns.

    The templates are Liquid's, whose filter `escape` makes text of all markup. Without one, the
    viewer makes links and pictures of addresses, and joins lines.
    """
    # The element bdi keeps the direction of a text from changing that of what is beside it.
    turns = "".join(
        f' | replace: "\\n\\n{role}: ", "</bdi>\\n\\n<b>{role}:</b> <bdi>"' for role in ROLES
    )
    conversation = (
        '<div style="white-space: pre-wrap; overflow-wrap: anywhere">'
        f'{{{{ value | escape | prepend: "\\n\\n"{turns} | remove_first: "</bdi>\\n\\n" }}}}'
        "</bdi></div>"
    )
    contribution = (
        f'<a href="{_CONTRIBUTION_URL}{{{{ value | url_encode }}}}'
        f'?snapshot_id={source.snapshot_id}" style="text-decoration: underline">'
        "{{ value | escape }}</a>"
    )
    return {
        **{name: {"display": "hidden"} for name in _UNSHOWN},
        **{name: _template("{{ value | escape }}") for name in _STRANGERS_WORDS},
        SHOWN: _template(conversation),
        "contribution_id": _template(contribution),
    }


def _template(template: str) -> dict[str, Any]:
    return {"display": "full", "renderer": "liquid-template", "options": {"template": template}}
