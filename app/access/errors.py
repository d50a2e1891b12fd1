"""The errors of access.

LakeError
├── KeyNameTaken
├── KeyNameInvalid
├── HiddenMeanwhile
├── NotFound
│   ├── KeyNotFound
│   ├── TakedownNotFound
│   └── FeedPositionUnknown
├── Gone
│   └── TakenDownForGood
├── Unavailable
│   └── HeldBack
├── Unauthenticated
│   ├── KeyMissing
│   └── KeyInvalid
├── RoleMissing
└── SnapshotNotPublic

No message holds a part of a key.
"""

from datetime import datetime, timedelta
from math import ceil

from app.access.roles import Roles
from catalog.errors import Gone, LakeError, NotFound, Unavailable


class KeyNameTaken(LakeError):
    """Another key has the name, be it valid or not."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the name {name!r} is taken by another key; choose another")
        self.name = name


class KeyNameInvalid(LakeError):
    """The name could be taken for the id of a key, or isn't made of usual characters."""

    def __init__(self, name: str, pattern: str) -> None:
        super().__init__(f"the name {name!r} doesn't match {pattern}, or looks like a key's id")
        self.name = name
        self.pattern = pattern


class HiddenMeanwhile(LakeError):
    """Contributions that a build had read were hidden before it could publish its result.

    Attributes:
        name: Name of what was built.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"contributions were hidden while {name!r} was built; nothing of it is published: "
            "build it again"
        )
        self.name = name


class HeldBack(Unavailable):
    """Contributions are being taken out of a release or a map, which nobody gets until then.

    Attributes:
        kind: What it is: `release` or `map`.
        name: The name of the release or map.
        retry_after_s: When to ask again, in seconds.
    """

    retry_after_s = 30

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"{kind} {name!r} is held back until what was taken down is out of it; try again later"
        )
        self.kind = kind
        self.name = name


class KeyNotFound(NotFound):
    """No key has this name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no key has the name or the id {name!r}")
        self.name = name


class Unauthenticated(LakeError):
    """The request has no valid API key, where one is needed or was given."""


class KeyMissing(Unauthenticated):
    """The request has no API key, and what it asks for isn't open to everybody.

    Attributes:
        needed: The roles that a key needs.
    """

    def __init__(self, needed: Roles) -> None:
        super().__init__(
            f"this needs an API key with {_named(needed)}, as Authorization: Bearer clk_…"
        )
        self.needed = needed


class KeyInvalid(Unauthenticated):
    """The API key of the request isn't one of this lake, or isn't valid any more.

    Attributes:
        reason: What is wrong with the key.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the API key isn't valid: {reason}")
        self.reason = reason


class RoleMissing(LakeError):
    """The API key is valid, and has another role than the request needs.

    Attributes:
        needed: The roles that a key needs.
    """

    def __init__(self, needed: Roles) -> None:
        super().__init__(f"this needs an API key with {_named(needed)}; the given one has another")
        self.needed = needed


class SnapshotNotPublic(LakeError):
    """What a reader asks for is younger than the embargo, so they may not see it yet.

    Attributes:
        what: What it is: a snapshot with its id, or the lake as of a time.
        public_from: When it becomes public.
        retry_after_s: The seconds until then, rounded up, and at least 1.
        errors: The messages for the client, by field.
    """

    def __init__(self, what: str, public_from: datetime, wait: timedelta) -> None:
        since = public_from.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        super().__init__(
            f"{what} is public from {since}; until then it needs an API key with the role read"
        )
        self.what = what
        self.public_from = public_from
        self.retry_after_s = max(ceil(wait.total_seconds()), 1)
        self.errors = {"public_from": [since]}


def _named(needed: Roles) -> str:
    if len(needed) > 1:
        return "the role operate"
    return f"the role {' '.join(needed)}"


class TakedownNotFound(NotFound):
    """No takedown has this id, or it isn't for the asker to know."""

    def __init__(self, takedown_id: int) -> None:
        super().__init__(f"no takedown {takedown_id}")
        self.takedown_id = takedown_id


class FeedPositionUnknown(NotFound):
    """The lake has no such place in one of its feeds: it was restored from an older copy."""

    def __init__(self, entries: str, path: str) -> None:
        """Say what to do.

        Args:
            entries: What the feed has, in the plural.
            path: The path of the feed.
        """
        super().__init__(
            f"the lake has fewer {entries} than the cursor counts, since it was restored from an "
            f"older copy; read {path} from its beginning"
        )


class TakenDownForGood(Gone):
    """The contribution was taken down by its owner or by a moderator."""

    def __init__(self, contribution_id: str) -> None:
        super().__init__(
            f"the contribution {contribution_id} was taken down: whoever sent it withdrew it, or a "
            "moderator removed it. Its text is shown to nobody, and is being erased from every "
            "file of this lake, or is already gone"
        )
        self.contribution_id = contribution_id
