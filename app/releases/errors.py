"""What can go wrong with releases.

LakeError
├── ReleaseNameTaken
├── ReleaseNameInvalid
├── NothingToRelease
├── FilterNeedsStage
├── LanguageInvalid
├── ReleaseOvertaken
├── NotFound
│   └── ReleaseNotFound
├── Invalid
│   └── StagesDiffer
└── Unavailable
    └── BucketUnreachable
"""

from catalog.errors import Invalid, LakeError, NotFound, Unavailable


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


class FilterNeedsStage(LakeError):
    """A raw release holds every row: languages are only named, and ratings weighed, after it."""

    def __init__(self, filter_name: str) -> None:
        super().__init__(f"a raw release can't be filtered by {filter_name}; release another stage")
        self.filter_name = filter_name


class LanguageInvalid(LakeError):
    """No conversation could be in it: stages name languages by their codes in lower case."""

    def __init__(self, language: str) -> None:
        super().__init__(f"the language {language!r} is no ISO 639 code, such as en or zh-Hant")
        self.language = language


class StagesDiffer(Invalid):
    """Only releases of the same stage can be compared.

    Attributes:
        before: The stage of the first.
        after: The stage of the second.
        errors: What is wrong, by parameter.
    """

    def __init__(self, before: str, after: str) -> None:
        super().__init__(f"a release of stage {before} can't be compared with one of {after}")
        self.before = before
        self.after = after
        self.errors = {"other": [f"Must be a release of stage {before}."]}


class ReleaseOvertaken(LakeError):
    """A build was silent for so long that another one took its name over."""

    def __init__(self, name: str) -> None:
        super().__init__(f"another build of {name!r} has taken over; this one is given up")
        self.name = name


class BucketUnreachable(Unavailable):
    """S3 doesn't answer, or not as it should. Its own words stay in the cause: they name hosts."""

    def __init__(self) -> None:
        super().__init__("the bucket of the releases can't be reached now; try again later")


class ReleaseNotFound(NotFound):
    """There is no such release, or no such file in it."""

    def __init__(self, name: str, path: str | None = None) -> None:
        super().__init__(
            f"no file {path!r} in release {name!r}" if path else f"no release {name!r}"
        )
        self.name = name
        self.path = path
