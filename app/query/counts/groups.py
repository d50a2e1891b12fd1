"""Counts of contributions and turns by group, of which the largest are kept."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

COUNTS: Final = ("contributions", "turns")
_TRIMMED_AT: Final = 4
"""How many times too many groups gather before the smallest are left out."""


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Counts of contributions and turns by group.

    Attributes:
        groups: A row for each group, sorted by its dimensions. The columns are the dimensions, null
            where contributions have no value, then `contributions` and `turns`.
        total_groups: How many groups there are, those that were left out of `groups` included.
    """

    groups: pa.Table
    total_groups: int

    @property
    def truncated(self) -> bool:
        """Whether the smallest groups were left out."""
        return bool(self.total_groups > self.groups.num_rows)


class LargestGroups:
    """Takes groups in parts, and keeps the largest of all.

    Of groups with as many contributions, those with more turns are kept, and then those that come
    first in the order of their dimensions.

    Attributes:
        total: How many groups were taken.
    """

    def __init__(self, schema: pa.Schema, most: int) -> None:
        """Prepare to take groups.

        Args:
            schema: The schema of groups: the dimensions, `contributions` and `turns`.
            most: How many groups to keep.
        """
        self._largest = schema.empty_table()
        dimensions = [name for name in schema.names if name not in COUNTS]
        self._order = [
            *((name, "descending") for name in COUNTS),
            *((name, "ascending") for name in dimensions),
        ]
        self._most = most
        self._fewest = 0
        self.total = 0

    def add(self, groups: pa.Table) -> None:
        """Take groups, none of which was taken before."""
        self.total += groups.num_rows
        large = groups.filter(pc.greater_equal(groups["contributions"], self._fewest))
        self._largest = pa.concat_tables([self._largest, large])
        if self._largest.num_rows > _TRIMMED_AT * self._most:
            self._trim()

    def largest(self) -> pa.Table:
        """Return the largest groups, the largest first."""
        self._trim()
        return self._largest

    def _trim(self) -> None:
        self._largest = self._largest.sort_by(self._order)[: self._most].combine_chunks()
        if self._largest.num_rows == self._most:
            self._fewest = self._largest["contributions"][-1].as_py()
