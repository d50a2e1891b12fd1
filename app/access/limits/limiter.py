"""Taking what a client asks for from its buckets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from time import monotonic
from typing import Final

from app.access.limits.bucket_table import UNTOLD, BucketTable, Subject
from app.access.limits.clients import Client
from app.access.limits.errors import LimitReached, RateLimited
from app.access.limits.policies import Policy
from app.telemetry import metrics
from app.telemetry.labels import LimitName

_TOLERANCE_S: Final = 1e-6
"""Error of times, which are added up: the last token of a full bucket is there."""

_MOST_WINDOWS: Final = 8
"""How far a bucket may be overdrawn by what was taken on several nodes within a second.

One that is emptier was so before the settings or the clock were changed, and counts as empty.
"""

_MOST_CHARGED_WINDOWS: Final = 4
"""How far a bucket may be overdrawn by what is charged afterwards."""

Amounts = Mapping[LimitName, int]
Levels = dict[Policy, float]
"""Of limits, the time in which a client's bucket will be full, in seconds."""


class Limiter:
    """Takes from the buckets of clients.

    Attributes:
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        open_table: Callable[[], BucketTable] = BucketTable,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Prepare to limit clients.

        Args:
            open_table: Opens the table of buckets, when the first client comes.
            clock: Returns the time in seconds. All processes of the table need the same clock,
                which must not be set back: on Linux, `monotonic` is such a one.
        """
        self._open_table = open_table
        self.clock = clock

    @cached_property
    def table(self) -> BucketTable:
        """The buckets, in a table that is opened for the first client."""
        return self._open_table()

    def take(self, subject: Subject, policies: Iterable[Policy], amounts: Amounts) -> Levels:
        """Take tokens from a client's buckets: all that is asked for, or nothing.

        Args:
            subject: The client.
            policies: The limits that hold for the client.
            amounts: The tokens by limit; those that no limit holds for don't count.

        Returns:
            What the client has left of each of the limits.

        Raises:
            RateLimited: The client has less left of a limit.
        """
        now = self.clock()
        times, first = self.table.times, self.table.buckets_of(subject)
        levels: Levels = {}
        for policy in policies:
            amount = amounts.get(policy.name)
            if amount is None:
                continue
            full_in_s = times[first + policy.column] - now
            rest_in_s = (full_in_s if full_in_s > 0 else 0.0) + amount * policy.token_s
            if rest_in_s > policy.window_s + _TOLERANCE_S:
                raise self._refusal(subject, first + policy.column, policy, amount, now)
            levels[policy] = rest_in_s
        for policy, rest_in_s in levels.items():
            bucket = first + policy.column
            times[bucket] = now + rest_in_s
            times[bucket + UNTOLD] += amounts[policy.name] * policy.token_s
        return levels

    def charge(self, subject: Subject, policies: Iterable[Policy], amounts: Amounts) -> Levels:
        """Take tokens from a client's buckets though they may not be there.

        Args:
            subject: The client.
            policies: The limits that hold for the client.
            amounts: The tokens by limit; those that no limit holds for don't count.

        Returns:
            What the client has left of each of the limits.
        """
        now = self.clock()
        times, first = self.table.times, self.table.buckets_of(subject)
        levels: Levels = {}
        for policy in policies:
            used_s = amounts.get(policy.name, 0) * policy.token_s
            if used_s:
                bucket = first + policy.column
                rest_in_s = max(times[bucket] - now, 0.0) + used_s
                levels[policy] = min(rest_in_s, _MOST_CHARGED_WINDOWS * policy.window_s)
                times[bucket] = now + levels[policy]
                times[bucket + UNTOLD] += used_s
        return levels

    def _refusal(
        self, subject: Subject, bucket: int, policy: Policy, amount: int, now: float
    ) -> RateLimited:
        """Return the error for a client whose bucket lies at a place, and count it."""
        full_in_s = self.table.times[bucket] - now
        if full_in_s > _MOST_WINDOWS * policy.window_s:
            full_in_s = policy.window_s
            self.table.times[bucket] = now + full_in_s
        metrics.limited(policy.name, policy.kind)
        full_in_s = max(full_in_s, 0.0)
        wait_s = full_in_s + amount * policy.token_s - policy.window_s
        return RateLimited(subject, policy, full_in_s, wait_s)


class Meter:
    """Takes for one request from the buckets of its client and of contributors.

    Attributes:
        client: The client that sends the request.
        levels: What is left of each limit that the request came up to. Of a limit for contributors,
            it is what the one has left who has used most of it.
        refusal: The error by which the request is refused; None while it isn't.
    """

    __slots__ = ("_limiter", "client", "levels", "refusal")

    def __init__(self, limiter: Limiter, client: Client) -> None:
        """Take nothing yet.

        Args:
            limiter: Has the buckets.
            client: The client.
        """
        self._limiter = limiter
        self.client = client
        self.levels: Levels = {}
        self.refusal: LimitReached | None = None

    def take(self, amounts: Amounts) -> None:
        """Take tokens from the client's buckets: all that is asked for, or nothing.

        Raises:
            RateLimited: The client has less left of a limit.
        """
        self.levels |= self._take(self.client.subject, self.client.policies, amounts)

    def charge(self, amounts: Amounts) -> None:
        """Take tokens from the client's buckets though they may not be there."""
        policies = self.client.policies
        if policies and any(amounts.values()):
            self.levels |= self._limiter.charge(self.client.subject, policies, amounts)

    def take_contribution(self, contributor_id: str | None, size_bytes: int) -> None:
        """Take what one submission takes from the buckets of its contributor.

        Args:
            contributor_id: The contributor; nothing is taken for an anonymous one, which is None.
            size_bytes: The size of the submission, in bytes of JSON.

        Raises:
            RateLimited: The contributor has less left of a limit.
        """
        self.take_of(contributor_id, {"submissions": 1, "rows": 1, "bytes": size_bytes})

    def take_of(self, contributor_id: str | None, amounts: Amounts) -> None:
        """Take tokens from the buckets of a contributor: all that is asked for, or nothing.

        Args:
            contributor_id: The contributor; nothing is taken for an anonymous one, which is None.
            amounts: The tokens by limit.

        Raises:
            RateLimited: The contributor has less left of a limit.
        """
        policies = self.client.contributor_policies
        if contributor_id is None or not policies:
            return
        subject = Subject("contributor", contributor_id)
        for policy, level in self._take(subject, policies, amounts).items():
            self.levels[policy] = max(level, self.levels.get(policy, 0.0))

    def refused(self, error: LimitReached) -> None:
        """Remember the limit that refuses the request: the answer tells of it, and is delayed."""
        self.refusal = error
        if isinstance(error, RateLimited):
            self.levels[error.policy] = error.full_in_s

    def _take(self, subject: Subject, policies: Sequence[Policy], amounts: Amounts) -> Levels:
        if not policies:
            return {}
        try:
            return self._limiter.take(subject, policies, amounts)
        except RateLimited as error:
            self.refused(error)
            raise
