"""What can go wrong with releases.

LakeError
├── ReleaseNameTaken
├── ReleaseNameInvalid
├── NothingToRelease
└── NotFound
    └── ReleaseNotFound
"""

from catalog.errors import LakeError, NotFound


class ReleaseNameTaken(LakeError):
    """A name is used once, so that it always means the same rows."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the name {name!r} is taken by a release or by a tag; choose another")
        self.name = name


class ReleaseNameInvalid(LakeError):
    """The name can't be a folder and a part of a URL everywhere."""

    def __init__(self, name: str, pattern: str) -> None:
        super().__init__(f"the name {name!r} doesn't match {pattern}")
        self.name = name
        self.pattern = pattern


class NothingToRelease(LakeError):
    """The lake is empty."""

    def __init__(self) -> None:
        super().__init__("the lake has no snapshot yet; there is nothing to release")


class ReleaseNotFound(NotFound):
    """There is no such release, or no such file in it."""

    def __init__(self, name: str, path: str | None = None) -> None:
        super().__init__(
            f"no file {path!r} in release {name!r}" if path else f"no release {name!r}"
        )
        self.name = name
        self.path = path
