"""The errors of limits.

LakeError
├── Overloaded
│   └── LimitReached
│       ├── RateLimited
│       └── TooManyAtOnce
└── KeyLimitInvalid
"""

from math import ceil

from app.access.limits.bucket_table import Subject
from app.access.limits.policies import PREFIXES, Policy
from app.telemetry.labels import ConcurrencyLimitName
from catalog.errors import LakeError, Overloaded


class LimitReached(Overloaded):
    """A client asks for more than a limit leaves it.

    Attributes:
        retry_after_s: The time after which it should ask again, in seconds.
    """

    retry_after_s: int


class RateLimited(LimitReached):
    """A client asks for more than its bucket holds.

    Attributes:
        policy: The limit.
        full_in_s: The time in which the client's bucket will be full, in seconds.
        retry_after_s: The time in which what it asks for will be there, in seconds, rounded up.
    """

    def __init__(self, subject: Subject, policy: Policy, full_in_s: float, wait_s: float) -> None:
        self.policy = policy
        self.full_in_s = full_in_s
        self.retry_after_s = ceil(wait_s)
        super().__init__(
            f"{policy.setting} = {policy.value} is reached by {_named(subject)}; "
            f"try again in {self.retry_after_s} s"
        )


class TooManyAtOnce(LimitReached):
    """A client has as many requests under way as a limit allows.

    Attributes:
        limit: The name of the limit.
        maximum: The value of the limit.
        retry_after_s: One second: when the others end isn't known.
    """

    def __init__(self, subject: Subject, limit: ConcurrencyLimitName, maximum: int) -> None:
        self.limit = limit
        self.maximum = maximum
        self.retry_after_s = 1
        setting = PREFIXES[subject.kind] + limit
        super().__init__(
            f"{setting} = {maximum} is reached by {_named(subject)}; try again when one has ended"
        )


class KeyLimitInvalid(LakeError):
    """There is no limit of this name for keys, or it can't have this value.

    Attributes:
        name: The name of the limit.
        problem: What is wrong with it.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"the limit {name!r} {problem}")
        self.name = name
        self.problem = problem


def _named(subject: Subject) -> str:
    match subject.kind:
        case "address":
            return "requests from your network"
        case "key":
            return "requests with your API key"
        case "contributor":
            return f"the contributor {subject.value}"
