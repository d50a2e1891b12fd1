"""Counting values of which there may be any number, in bounded memory."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa

from app.releases.counts.statistics import Frequencies

MAX_DISTINCT: Final = 10_000
"""Number of values that are counted one by one; later ones are counted together."""
SHOWN: Final = 20
"""Number of the most frequent values that are told by name."""


class FrequentValues:
    """Counts the values of a column.

    The values that come first are counted one by one. So the most frequent ones are right unless
    there are more than `MAX_DISTINCT` values, and then a value that comes late is missed.

    Attributes:
        counts: The values that are counted one by one.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._late = 0
        self._without = 0

    def add(self, values: pa.Array) -> None:
        """Count the values of an array; nulls are counted as well."""
        for value, count in counts_of(values).items():
            if value is None:
                self._without += count
            elif value in self.counts or len(self.counts) < MAX_DISTINCT:
                self.counts[value] += count
            else:
                self._late += count

    def frequencies(self) -> Frequencies:
        """Return the most frequent values, and how many more there are."""
        return most_frequent(self.counts, late=self._late, without=self._without)


def most_frequent(counts: Mapping[str, int], *, late: int = 0, without: int = 0) -> Frequencies:
    """Return the `SHOWN` most frequent values; equal ones are in the order of their names.

    Args:
        counts: Counts by value.
        late: Sum of the counts of values that aren't in `counts`.
        without: Number of those that have no value.
    """
    ordered = by_count(counts)
    shown = dict(list(ordered.items())[:SHOWN])
    return Frequencies(
        counts=shown,
        more=len(ordered) - len(shown),
        more_is_least=late > 0,
        more_count=sum(ordered.values()) - sum(shown.values()) + late,
        without=without,
    )


def by_count(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts with the largest first, and equal counts in the order of their names."""
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def counts_of(values: pa.Array) -> dict[Any, int]:
    """Return how often each value occurs, in the order in which they first occur."""
    counted = values.value_counts()
    return dict(
        zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    )
