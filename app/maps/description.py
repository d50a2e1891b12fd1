"""The description of a map, `map.json`: the source of its rows and how it was built.

It doesn't say when it was written, so that the same rows and parameters give the same bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from app.maps.points.embed import DEFAULT_EMBEDDING, Embedding
from app.maps.texts import PointKind
from catalog.stages.tables import Stage

MAP_FILE: Final = "map.json"
POINTS_FILE: Final = "dataset.parquet"
METADATA_FILE: Final = "metadata.json"
PICTURE_FILE: Final = "picture.png"

Progress = Callable[[int], None]
"""A function that is called after each batch with the number of its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSource:
    """The source of a map's rows.

    Attributes:
        stage: `raw`, `cleaned` or `curated`.
        snapshot_id: Id of the snapshot of the contributions, as a string.
        committed_at: When that snapshot was committed, in UTC.
        stage_snapshot_id: Id of the snapshot of the stage's table, as a string; None for `raw`.
        release: Name of the release that the map was built for; None when it is for none.
    """

    stage: Stage
    snapshot_id: str
    committed_at: datetime
    stage_snapshot_id: str | None = None
    release: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapParameters:
    """The parameters of a map.

    Attributes:
        kind: Whether a point stands for a conversation or for a prompt with its response.
        embedding: Embedding that texts are compared by.
        seed: Seed of the random numbers.
        max_points: Maximum number of points, since a browser loads them all. When there are more,
            evenly spread ones are chosen.
        fit_rows: Maximum number of points in the sample that is projected and in which clusters are
            found; it is evenly spread, and the other points are placed among it.
    """

    kind: PointKind = "conversations"
    embedding: Embedding = DEFAULT_EMBEDDING
    seed: int = 1
    max_points: int = 100_000
    fit_rows: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MapDescription:
    """The content of `map.json`.

    Attributes:
        name: Name of the map.
        source: Source of its rows.
        parameters: Parameters that it was built with.
        rows: Number of points.
        found_rows: Number of points before `max_points` was applied.
        clusters: Number of clusters of the broadest level.
        versions: Versions of the programs that built it, by name.
    """

    name: str
    source: MapSource
    parameters: MapParameters
    rows: int
    found_rows: int
    clusters: int
    versions: dict[str, str]


# Made at import: msgspec inspects a type when it is first used, which isn't safe in threads.
_decode: Final = msgspec.json.Decoder(MapDescription).decode


def encode_description(description: MapDescription) -> bytes:
    """Return the description as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(description), indent=2) + b"\n"


def decode_description(content: bytes) -> MapDescription:
    """Return the description that JSON holds."""
    return _decode(content)
