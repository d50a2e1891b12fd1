"""Taking what a client asks for from its buckets."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from math import ceil
from time import monotonic
from typing import Final

from app.access.limits.bucket_table import BucketTable, Subject
from app.access.limits.policies import Policy
from app.telemetry import metrics
from app.telemetry.metrics import LimitName
from catalog.errors import Overloaded

_TOLERANCE_S: Final = 1e-6
"""Error of times, which are added up: the last token of a full bucket is there."""

Amounts = Mapping[LimitName, int]
Levels = dict[Policy, float]
"""Of limits, the time in which a client's bucket will be full, in seconds."""


class RateLimited(Overloaded):
    """A client asks for more than a limit leaves it.

    Attributes:
        policy: The limit.
        full_in_s: The time in which the client's bucket will be full, in seconds.
        retry_after_s: The time in which what it asks for will be there, in seconds, rounded up.
    """

    def __init__(self, policy: Policy, full_in_s: float, wait_s: float) -> None:
        self.policy = policy
        self.full_in_s = full_in_s
        self.retry_after_s = ceil(wait_s)
        super().__init__(
            f"{policy.setting} = {policy.value} is reached by requests from your network; "
            f"try again in {self.retry_after_s} s"
        )


class Limiter:
    """Takes from the buckets of clients.

    Attributes:
        policies: The limits that are set.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        open_table: Callable[[], BucketTable] = BucketTable,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Prepare to limit clients.

        Args:
            policies: The limits that are set.
            open_table: Opens the table of buckets, when the first client comes.
            clock: Returns the time in seconds. All processes of the table need the same clock,
                which must not be set back: on Linux, `monotonic` is such a one.
        """
        self.policies = policies
        self._open_table = open_table
        self.clock = clock

    @cached_property
    def table(self) -> BucketTable:
        """The buckets, in a table that is opened for the first client."""
        return self._open_table()

    def take(self, subject: Subject, amounts: Amounts) -> Levels:
        """Take tokens from a client's buckets: all that is asked for, or nothing.

        Args:
            subject: The client.
            amounts: The tokens by limit; limits that aren't set don't count.

        Returns:
            What the client has left of each of the limits.

        Raises:
            RateLimited: The client has less left of a limit.
        """
        now = self.clock()
        table = self.table
        full_at, first = table.full_at, table.buckets_of(subject)
        levels: Levels = {}
        for policy in self.policies:
            amount = amounts.get(policy.name)
            if amount is None:
                continue
            full_in_s = full_at[first + policy.column] - now
            rest_in_s = (full_in_s if full_in_s > 0 else 0.0) + amount * policy.token_s
            if rest_in_s > policy.window_s + _TOLERANCE_S:
                raise self._refusal(first, policy, amount, now)
            levels[policy] = rest_in_s
        for policy, rest_in_s in levels.items():
            full_at[first + policy.column] = now + rest_in_s
        return levels

    def _refusal(self, first: int, policy: Policy, amount: int, now: float) -> RateLimited:
        """Return the error for a client whose first bucket is at a place, and count it."""
        # A bucket may be emptier than empty when the settings or the clock have changed.
        full_in_s = min(self.table.full_at[first + policy.column] - now, policy.window_s)
        self.table.full_at[first + policy.column] = now + full_in_s
        metrics.limited(policy.name)
        full_in_s = max(full_in_s, 0.0)
        wait_s = full_in_s + amount * policy.token_s - policy.window_s
        return RateLimited(policy, full_in_s, wait_s)


class Meter:
    """Takes for one request from the buckets of its client.

    Attributes:
        levels: What the client has left of each limit that the request came up to.
        refusal: The error by which the request is refused; None while it isn't.
    """

    __slots__ = ("_limiter", "_subject", "levels", "refusal")

    def __init__(self, limiter: Limiter, subject: Subject) -> None:
        """Take nothing yet.

        Args:
            limiter: Has the buckets.
            subject: The client.
        """
        self._limiter = limiter
        self._subject = subject
        self.levels: Levels = {}
        self.refusal: RateLimited | None = None

    def take(self, amounts: Amounts) -> None:
        """Take tokens from the client's buckets: all that is asked for, or nothing.

        Raises:
            RateLimited: The client has less left of a limit.
        """
        if not self._limiter.policies:
            return
        try:
            self.levels |= self._limiter.take(self._subject, amounts)
        except RateLimited as error:
            self.refusal = error
            self.levels[error.policy] = error.full_in_s
            raise
