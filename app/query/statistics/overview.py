"""The size of the lake and its growth, from the counts of files."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from threading import Lock
from typing import Final

import pyarrow as pa
from cachetools import LRUCache

from app.query.counts.summaries import Summaries
from app.query.filters import Filters
from app.query.row_index.sums import ContributorSums
from app.query.snapshots import SnapshotView

_REMEMBERED: Final = 16


@dataclass(frozen=True, slots=True)
class Overview:
    """What the lake holds as of a snapshot.

    Attributes:
        conversations: Number of conversations.
        turns: Number of their turns.
        contributors: Number of contributors with an id; None where counting them would read the
            lake.
        days: Days (UTC) with the numbers of conversations whose latest version was received on
            them, ascending.
    """

    conversations: int
    turns: int
    contributors: int | None
    days: tuple[tuple[date, int], ...]


class Overviews:
    """Sums up snapshots, and remembers the last ones."""

    def __init__(self, summaries: Summaries, contributor_sums: ContributorSums) -> None:
        """Sum up snapshots.

        Args:
            summaries: Has the counts of files.
            contributor_sums: Counts by contributor from what an index has of files.
        """
        self._summaries = summaries
        self._contributor_sums = contributor_sums
        self._lock = Lock()
        # The ids that were hidden are kept beside, as they change without a snapshot.
        self._known: LRUCache[int | None, tuple[pa.Array, Overview]] = LRUCache(_REMEMBERED)

    def of(self, view: SnapshotView) -> Overview:
        """Return what the lake holds as of a snapshot, without what the view hides."""
        key = view.snapshot.snapshot_id if view.snapshot else None
        with self._lock:
            hidden, known = self._known.get(key, (None, None))
        if known is not None and view.hidden is hidden:
            return known
        found = self._sum_up(view)
        with self._lock:
            self._known[key] = view.hidden, found
        return found

    def _sum_up(self, view: SnapshotView) -> Overview:
        days: defaultdict[date, int] = defaultdict(int)
        turns = 0
        for part in self._summaries.parts(view, Filters()):
            days[part.day] += part.sign * part.counts.contributions
            turns += part.sign * part.counts.turns
        counted = sorted((day, number) for day, number in days.items() if number)
        contributors = self._contributor_sums.number(view)
        return Overview(sum(days.values()), turns, contributors, tuple(counted))
