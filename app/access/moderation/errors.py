"""The errors of moderation.

LakeError
├── NotFound
│   ├── NotReportable
│   ├── UnknownContributions
│   ├── NothingToDecide
│   └── NotBanned
└── Overloaded
    └── TooManyReports
"""

from collections.abc import Sequence
from datetime import timedelta

from catalog.errors import NotFound, Overloaded


class NotReportable(NotFound):
    """The public can't see the contribution, so nobody can report it."""

    def __init__(self, contribution_id: str) -> None:
        super().__init__(f"no contribution {contribution_id}")
        self.contribution_id = contribution_id


class UnknownContributions(NotFound):
    """Some contributions aren't in the lake.

    Attributes:
        contribution_ids: Those that aren't.
    """

    def __init__(self, contribution_ids: Sequence[str]) -> None:
        super().__init__(f"no contribution {', '.join(contribution_ids)}")
        self.contribution_ids = tuple(contribution_ids)


class NothingToDecide(NotFound):
    """A contribution is neither in quarantine nor has it reports that nobody has looked at."""

    def __init__(self, contribution_id: str) -> None:
        super().__init__(
            f"{contribution_id} is neither in quarantine nor has it reports to decide on"
        )
        self.contribution_id = contribution_id


class NotBanned(NotFound):
    """Some contributors aren't banned, so no ban of them can be lifted.

    Attributes:
        contributor_ids: Those that aren't banned.
    """

    def __init__(self, contributor_ids: Sequence[str]) -> None:
        super().__init__(f"not banned: {', '.join(contributor_ids)}")
        self.contributor_ids = tuple(contributor_ids)


class TooManyReports(Overloaded):
    """A network has sent as many reports as it may in a day.

    Attributes:
        limit: The number of reports that are allowed.
        retry_after_s: Time in seconds after which the oldest one doesn't count any more.
    """

    def __init__(self, limit: int, wait: timedelta) -> None:
        self.limit = limit
        self.retry_after_s = max(1, round(wait.total_seconds()))
        super().__init__(
            f"reports_per_day = {limit} is reached by reports from your network; "
            f"try again in {self.retry_after_s} s"
        )
