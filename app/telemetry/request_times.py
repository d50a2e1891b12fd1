"""Times of requests, collected in memory and published together.

Observing a time in the files that processes share takes ten times as long as appending it to a
list, and that would be a large part of the time of a submission.
"""

from bisect import bisect_left
from collections import Counter
from functools import cache
from threading import Lock
from typing import Final

from prometheus_client import Histogram


class RequestTimes:
    """Times of requests by method, route and status, collected for a histogram."""

    def __init__(self, histogram: Histogram, buckets_s: tuple[float, ...]) -> None:
        """Begin without times.

        Args:
            histogram: Where `publish` observes the times; its labels are method, route and status.
            buckets_s: Upper bounds of the histogram's buckets.
        """
        self._histogram = histogram
        self._buckets_s = buckets_s
        self._collected: Final[list[tuple[Histogram, list[float]]]] = []
        self._publishing = Lock()
        self.of = cache(self._of)

    def _of(self, method: str, route: str, status: str) -> list[float]:
        """Return the list to append times to, in seconds. `of` caches it for each label set."""
        times: list[float] = []
        self._collected.append((self._histogram.labels(method, route, status), times))
        return times

    def publish(self) -> None:
        """Observe the times that were collected until now; threads may append meanwhile."""
        with self._publishing:
            for histogram, times in self._collected:
                count = len(times)
                self._observe(histogram, times[:count])
                del times[:count]

    def _observe(self, histogram: Histogram, times: list[float]) -> None:
        """Do what `Histogram.observe` does, but for many values at once."""
        histogram._sum.inc(sum(times))  # noqa: SLF001  # the class has no public way for many
        counts = Counter(bisect_left(self._buckets_s, seconds) for seconds in times)
        for bucket, count in counts.items():
            histogram._buckets[bucket].inc(count)  # noqa: SLF001  # likewise
