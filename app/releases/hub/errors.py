"""The errors of publishing releases on the Hub. None of them says anything of the token.

LakeError
└── HubError
    ├── HubTokenMissing
    ├── RepositoryNameInvalid
    ├── RepositoryTaken
    ├── RepositoryInUse
    ├── RepositoryNewer
    ├── NotOnTheHub
    ├── OnAnotherHub
    ├── ReleaseNeedsKey
    ├── ReleaseFileChanged
    ├── HubTokenRefused
    ├── HubForbidden
    ├── RepositoryNotFound
    ├── RepositoryChanged
    ├── HubBusy
    ├── HubUnreachable
    └── HubRefused
"""

from collections.abc import Sequence

from app.settings import PREFIX
from catalog.errors import LakeError

_TOKEN = f"{PREFIX}HUB_TOKEN"
_LISTED_FILES = 3


class HubError(LakeError):
    """A release can't be published on the Hub, or removed from there."""


class HubTokenMissing(HubError):
    """There is no token by which the Hub would know the operator."""

    def __init__(self) -> None:
        super().__init__(f"{_TOKEN} isn't set; it needs a token of the Hub that may write")


class RepositoryNameInvalid(HubError):
    """No repository can have this name."""

    def __init__(self, repository: str) -> None:
        super().__init__(
            f"{repository!r} is no name of a repository: an organisation or a user, a slash, and "
            "a name of letters, digits, '-', '_' and '.'"
        )
        self.repository = repository


class RepositoryTaken(HubError):
    """The repository holds another release of this lake; a repository holds one."""

    def __init__(self, repository: str, release: str) -> None:
        super().__init__(f"{repository} holds the release {release}; choose another repository")
        self.repository = repository
        self.release = release


class RepositoryInUse(HubError):
    """The repository has files that no run of this command put there."""

    def __init__(self, repository: str, paths: Sequence[str]) -> None:
        listed = ", ".join(paths[:_LISTED_FILES])
        super().__init__(
            f"{repository} has files that aren't of this release, such as {listed}; publishing "
            "would remove them, so choose a repository that is new or empty"
        )
        self.repository = repository
        self.paths = paths


class RepositoryNewer(HubError):
    """The repository has a later revision, from which something was taken down."""

    def __init__(self, repository: str, there: int, here: int) -> None:
        super().__init__(
            f"{repository} holds revision {there} of the release, and the lake revision {here}, "
            "which has what was taken down since; after a restore, apply the list of takedowns"
        )
        self.repository = repository
        self.there = there
        self.here = here


class NotOnTheHub(HubError):
    """The release isn't published in this repository."""

    def __init__(self, release: str, repository: str) -> None:
        super().__init__(f"the release {release} isn't published in {repository}")
        self.release = release
        self.repository = repository


class OnAnotherHub(HubError):
    """The release was published on another server than the settings name."""

    def __init__(self, repository: str, url: str) -> None:
        super().__init__(f"{repository} is on {url}; set {PREFIX}HUB_URL to that")
        self.repository = repository
        self.url = url


class ReleaseNeedsKey(HubError):
    """The lake gives the release only to those with a key, so it isn't made public elsewhere."""

    def __init__(self, release: str) -> None:
        super().__init__(
            f"the lake gives the release {release} only to those with an API key; publish it with "
            "--gated or --private, or open it here first"
        )
        self.release = release


class ReleaseFileChanged(HubError):
    """A file of the release is gone or isn't the one that its sums list."""

    def __init__(self, release: str, path: str) -> None:
        super().__init__(
            f"{path} of the release {release} isn't what SHA256SUMS lists; if a takedown has just "
            "revised the release, run this again, and otherwise scripts/lake doctor --deep"
        )
        self.release = release
        self.path = path


class HubTokenRefused(HubError):
    """The Hub doesn't know the token (401)."""

    def __init__(self, repository: str) -> None:
        super().__init__(
            f"the Hub doesn't accept {_TOKEN} for {repository} (401): it is wrong, expired, or may "
            "not see this repository"
        )


class HubForbidden(HubError):
    """The token may not do this (403)."""

    def __init__(self, repository: str, reason: str) -> None:
        super().__init__(
            f"{_TOKEN} may not change {repository} (403); it needs the right to write there"
            f"{_said(reason)}"
        )


class RepositoryNotFound(HubError):
    """The Hub has no such repository, or doesn't show it to this token (404)."""

    def __init__(self, repository: str) -> None:
        super().__init__(f"the Hub has no {repository}, or doesn't show it to {_TOKEN} (404)")


class RepositoryChanged(HubError):
    """Somebody else changed the repository at the same time (409 or 412)."""

    def __init__(self, repository: str, reason: str) -> None:
        super().__init__(
            f"{repository} was changed by somebody else at the same time; run this again"
            f"{_said(reason)}"
        )


class HubBusy(HubError):
    """The Hub wants fewer requests (429).

    Attributes:
        retry_after_s: Time after which it may be tried again; None when the Hub doesn't say.
    """

    def __init__(self, repository: str, retry_after_s: int | None) -> None:
        when = "later" if retry_after_s is None else f"in {retry_after_s} s"
        super().__init__(
            f"the Hub takes no more requests for {repository} now (429); run this again {when}, "
            "and it goes on where it ended"
        )
        self.retry_after_s = retry_after_s


class HubUnreachable(HubError):
    """The Hub can't be reached, or failed itself (5xx)."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"{url} can't be reached, or fails ({reason}); run this again later, and it goes on "
            "where it ended"
        )


class HubRefused(HubError):
    """The Hub refused a request for another reason."""

    def __init__(self, repository: str, reason: str) -> None:
        super().__init__(f"the Hub refused a request for {repository}: {reason}")


def _said(reason: str) -> str:
    return f"; the Hub says: {reason}" if reason else ""
