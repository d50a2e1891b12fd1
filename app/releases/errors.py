"""The errors of releases.

LakeError
├── ReleaseNameTaken
├── NothingToRelease
├── FilterNeedsStage
├── FormNeedsStage
├── ExamplesNeedStage
├── SharedPromptsNeedForm
├── LanguageInvalid
├── QualityScoreInvalid
├── ReleaseOvertaken
├── ReleaseOnTheHub
├── NotFound
│   └── ResultNotFound
│       └── ReleaseNotFound
├── Gone
│   └── FileWithdrawn
├── Invalid
│   ├── StagesDiffer
│   └── FormsDiffer
└── Unavailable
    └── BucketUnreachable
"""

from collections.abc import Sequence

from app.state.published_folder import ResultNotFound
from catalog.errors import Gone, Invalid, LakeError, Unavailable


class ReleaseNameTaken(LakeError):
    """The name was used before; a name is used once, so that it always means the same rows."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the name {name!r} is taken by a release or by a tag; choose another")
        self.name = name


class NothingToRelease(LakeError):
    """The lake is empty."""

    def __init__(self) -> None:
        super().__init__("the lake has no snapshot yet; there is nothing to release")


class FilterNeedsStage(LakeError):
    """A raw release can't be filtered: only later stages know languages and judge ratings."""

    def __init__(self, filter_name: str) -> None:
        super().__init__(f"a raw release can't be filtered by {filter_name}; release another stage")
        self.filter_name = filter_name


class FormNeedsStage(LakeError):
    """A raw release has no preferences: only later stages tell whose turn is an answer."""

    def __init__(self, form: str) -> None:
        super().__init__(f"a raw release can't have the form {form!r}; release another stage")
        self.form = form


class ExamplesNeedStage(LakeError):
    """Only a curated release can show what was left out: earlier stages have no such texts."""

    def __init__(self, stage: str) -> None:
        super().__init__(f"a {stage} release has no examples of what was left out; take curated")
        self.stage = stage


class SharedPromptsNeedForm(LakeError):
    """Only releases of pairs have pairs of answers to one prompt of several conversations."""

    def __init__(self, form: str) -> None:
        super().__init__(f"prompts aren't shared in the form {form!r}; use the form 'preference'")
        self.form = form


class LanguageInvalid(LakeError):
    """The language isn't a code as stages write it: ISO 639, in lower case."""

    def __init__(self, language: str) -> None:
        super().__init__(f"the language {language!r} is no ISO 639 code, such as en or zh-Hant")
        self.language = language


class QualityScoreInvalid(LakeError):
    """The quality score isn't a number from 0 to 1."""

    def __init__(self, score: float) -> None:
        super().__init__(f"the quality score {score} isn't from 0 to 1")
        self.score = score


class StagesDiffer(Invalid):
    """Only releases of the same stage can be compared.

    Attributes:
        before: Stage of the release to compare from.
        after: Stage of the release to compare with.
        errors: Messages for the client, by parameter.
    """

    def __init__(self, before: str, after: str) -> None:
        super().__init__(f"a release of stage {before} can't be compared with one of {after}")
        self.before = before
        self.after = after
        self.errors = {"other": [f"Must be a release of stage {before}."]}


class FormsDiffer(Invalid):
    """Only releases of the same form can be compared.

    Attributes:
        before: Form of the release to compare from.
        after: Form of the release to compare with.
        errors: Messages for the client, by parameter.
    """

    def __init__(self, before: str, after: str) -> None:
        super().__init__(f"a release of form {before} can't be compared with one of {after}")
        self.before = before
        self.after = after
        self.errors = {"other": [f"Must be a release of form {before}."]}


class ReleaseOvertaken(LakeError):
    """Another build took the name over, since this one was without a heartbeat for too long."""

    def __init__(self, name: str) -> None:
        super().__init__(f"another build of {name!r} has taken over; this one is given up")
        self.name = name


class ReleaseOnTheHub(LakeError):
    """A release that is on the Hub can't be removed: takedowns couldn't find its rows any more."""

    def __init__(self, release: str, repositories: Sequence[str]) -> None:
        first = repositories[0]
        super().__init__(
            f"the release {release} is on the Hub in {', '.join(repositories)}, where takedowns "
            f"have to reach it; first run scripts/lake release unpublish {release} --hub {first}"
        )
        self.release = release
        self.repositories = repositories


class BucketUnreachable(Unavailable):
    """S3 doesn't answer as it should; its own message is the cause only, since it names hosts."""

    def __init__(self) -> None:
        super().__init__("the bucket of the releases can't be reached now; try again later")


class ReleaseNotFound(ResultNotFound):
    """No release has this name, or it has no such file."""

    kind = "release"


class FileWithdrawn(Gone):
    """The file is one of an earlier revision, of which contributions were taken down.

    Attributes:
        name: Name of the release.
        path: Path of the file.
        revision: The revision that the release has now.
        errors: Messages for the client, by parameter.
    """

    def __init__(self, name: str, path: str, revision: int) -> None:
        super().__init__(
            f"{path!r} was withdrawn from release {name!r}, since contributions were taken down; "
            f"revision {revision} has other files, which its manifest names"
        )
        self.name = name
        self.path = path
        self.revision = revision
        self.errors = {"path": [f"Is of an earlier revision than {revision}."]}
