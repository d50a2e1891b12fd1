"""What can go wrong with maps.

LakeError
├── MapNameTaken
├── MapNameInvalid
├── NothingToMap
├── StageNotBuilt
├── EmbeddingUnavailable
├── NotFound
│   └── MapNotFound
└── Unavailable
    └── AtlasUnavailable
"""

from catalog.errors import LakeError, NotFound, Unavailable


class MapNameTaken(LakeError):
    """There is a map by this name; it is removed by hand, never written over."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a map {name!r} already; remove it or choose another name")
        self.name = name


class MapNameInvalid(LakeError):
    """The name can't be a folder and a part of a URL everywhere."""

    def __init__(self, name: str, pattern: str) -> None:
        super().__init__(f"the name {name!r} doesn't match {pattern}")
        self.name = name
        self.pattern = pattern


class NothingToMap(LakeError):
    """There is no text to make a point of."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(f"the map {name!r} would be empty: there are no {kind} with text")
        self.name = name
        self.kind = kind


class StageNotBuilt(LakeError):
    """A map shows rows of a stage that was computed before."""

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
    """The viewer's files aren't installed: maps can be built and listed, but not looked into."""

    def __init__(self, package: str) -> None:
        super().__init__(f"the package {package!r} isn't installed; the scripts install it")
        self.package = package


class MapNotFound(NotFound):
    """There is no such map, or it has no such file."""

    def __init__(self, name: str, path: str | None = None) -> None:
        super().__init__(f"no file {path!r} in map {name!r}" if path else f"no map {name!r}")
        self.name = name
        self.path = path
