"""What a map is of, and how it was made: `map.json`.

It has no time of its own making: the same rows and parameters give the same bytes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from app.maps.embed import DEFAULT_EMBEDDING, Embedding
from app.maps.texts import PointKind
from catalog.stages import Stage

MAP_FILE: Final = "map.json"
POINTS_FILE: Final = "dataset.parquet"
METADATA_FILE: Final = "metadata.json"
PICTURE_FILE: Final = "picture.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSource:
    """The rows that a map shows.

    Attributes:
        stage: `raw`, `cleaned` or `curated`.
        snapshot_id: The snapshot of the contributions that it comes from, as a string.
        committed_at: When that was committed, in UTC.
        stage_snapshot_id: The snapshot of the stage's own table, as a string; None for `raw`.
        release: The release that holds the same rows; None when it isn't of one.
    """

    stage: Stage
    snapshot_id: str
    committed_at: datetime
    stage_snapshot_id: str | None = None
    release: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How a map is made.

    Attributes:
        kind: What a point stands for.
        embedding: What texts are compared by.
        seed: What chance begins with.
        max_points: Points that the map has at most, evenly spread over the rows when there are
            more: a browser loads them all.
        fit_rows: Points that the arrangement and its clusters are learnt from at most, as evenly
            spread; the others are placed among them.
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
        name: The map's name.
        source: Whose rows it shows.
        parameters: How it was made.
        rows: How many points it has.
        found_rows: How many points there would have been without `max_points`.
        clusters: How many clusters were found.
        versions: The versions of what made it.
    """

    name: str
    source: MapSource
    parameters: Parameters
    rows: int
    found_rows: int
    clusters: int
    versions: dict[str, str]


# Made once and here: msgspec describes a type when it is first used, which isn't safe in threads.
_decode: Final = msgspec.json.Decoder(MapDescription).decode


def encode_description(description: MapDescription) -> bytes:
    """Return it as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(description), indent=2) + b"\n"


def decode_description(content: bytes) -> MapDescription:
    """Read it."""
    return _decode(content)
