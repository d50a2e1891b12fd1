"""Taking for plain submissions, on the event loop, from buckets that are more than half full.

`Limiter.take` needs 9 µs of a worker for three limits, most of them for code and objects that the
processor's caches don't hold. This way needs 2 µs, and it is the one of nearly all submissions.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

from app.access.limits.bucket_table import UNTOLD, BucketTable, Subject
from app.access.limits.clients import Client
from app.access.limits.limiter import Limiter
from app.access.limits.policies import Policy

_REMEMBERED_CLIENTS: Final = 16_384
_OF_SUBMISSIONS: Final = frozenset({"submissions", "rows", "bytes"})

_Limit = tuple[int, float, float, bool]
"""The column of a limit, the time of a token and of half a bucket, and whether it counts bytes."""
_Taken = tuple[int, float, float]
"""The bucket that is taken from, when it will be full after that, and the time of what is taken."""


class QuickLimiter:
    """Takes for submissions of clients that are far from every limit."""

    def __init__(self, limiter: Limiter, client_at: Callable[[str | None], Client]) -> None:
        """Prepare to take.

        Args:
            limiter: Has the buckets, and takes in all other cases.
            client_at: Returns the client that sends from an address.
        """
        self._limiter = limiter
        self._client_at = client_at
        self._clock = limiter.clock
        self._addresses: dict[str | None, tuple[int, int]] = {}
        self._contributors: dict[str | None, tuple[int, int]] = {}
        anybody = client_at(None)
        self._limits = _limits_of(anybody.policies)
        self._contributor_limits = _limits_of(anybody.contributor_policies)

    @cached_property
    def _table(self) -> BucketTable:
        return self._limiter.table

    def take(self, address: str | None, contributor_id: str | None, size_bytes: int) -> bool:
        """Take what a submission takes, if at least half of every bucket is left after it.

        Args:
            address: The address of the client.
            contributor_id: The contributor; None for an anonymous one.
            size_bytes: The size of the submission.

        Returns:
            Whether it was taken; otherwise nothing was.
        """
        table, now = self._table, self._clock()
        times, taken = table.times, list[_Taken]()
        if self._limits:
            digest, first = self._addresses.get(address) or self._find_address(address)
            if table.digests[first - 1] != digest:
                digest, first = self._find_address(address)
            if not _can_take(self._limits, times, first, now, size_bytes, taken):
                return False
        if self._contributor_limits and contributor_id is not None:
            place = self._contributors.get(contributor_id)
            digest, first = place or self._find_contributor(contributor_id)
            if table.digests[first - 1] != digest:
                digest, first = self._find_contributor(contributor_id)
            if not _can_take(self._contributor_limits, times, first, now, size_bytes, taken):
                return False
        for bucket, full_at, used_s in taken:
            times[bucket] = full_at
            times[bucket + UNTOLD] += used_s
        return True

    def _find_address(self, address: str | None) -> tuple[int, int]:
        return self._find(self._addresses, address, self._client_at(address).subject)

    def _find_contributor(self, contributor_id: str) -> tuple[int, int]:
        subject = Subject("contributor", contributor_id)
        return self._find(self._contributors, contributor_id, subject)

    def _find(
        self, places: dict[str | None, tuple[int, int]], name: str | None, subject: Subject
    ) -> tuple[int, int]:
        """Return the digest of a client, and the place of its first bucket."""
        if len(places) >= _REMEMBERED_CLIENTS:
            places.clear()
        table = self._table
        place = places[name] = table.digest_of(subject), table.buckets_of(subject)
        return place


def _limits_of(policies: Sequence[Policy]) -> list[_Limit]:
    return [
        (policy.column, policy.token_s, policy.window_s / 2, policy.name == "bytes")
        for policy in policies
        if policy.name in _OF_SUBMISSIONS
    ]


def _can_take(
    limits: Sequence[_Limit],
    times: "memoryview[float]",
    first: int,
    now: float,
    size_bytes: int,
    taken: list[_Taken],
) -> bool:
    """Add what a submission takes from the buckets of one client; tell whether it may be taken."""
    for column, token_s, half_s, is_bytes in limits:
        full_in_s = times[first + column] - now
        used_s = token_s * size_bytes if is_bytes else token_s
        rest_in_s = used_s + full_in_s if full_in_s > 0 else used_s
        if rest_in_s > half_s:
            return False
        taken.append((first + column, now + rest_in_s, used_s))
    return True
