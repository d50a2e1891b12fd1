"""Days as the points of a chart, or weeks or months where there are many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, groupby
from typing import Final, Literal

_MOST_POINTS: Final = 400
"""Points of a chart: each is a row of its table, too."""

DayCount = tuple[date, int]
Unit = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Periods:
    """Counts over time.

    Attributes:
        unit: The length of the periods.
        counts: The first days of the periods with their numbers, ascending.
    """

    unit: Unit
    counts: Sequence[DayCount]


def periods_of(days: Sequence[DayCount]) -> Periods:
    """Return counts by day, or by week or month where there would be too many.

    Args:
        days: Days with their numbers, ascending.
    """
    if len(days) <= _MOST_POINTS:
        return Periods("day", days)
    weeks = _sums(days, [day - timedelta(days=day.weekday()) for day, _ in days])
    if len(weeks) <= _MOST_POINTS:
        return Periods("week", weeks)
    return Periods("month", _sums(days, [day.replace(day=1) for day, _ in days]))


def _sums(days: Sequence[DayCount], starts: Sequence[date]) -> list[DayCount]:
    """Return the sums of days by the first days of their periods."""
    pairs = zip(starts, (number for _, number in days), strict=True)
    return [
        (start, sum(number for _, number in group))
        for start, group in groupby(pairs, key=lambda pair: pair[0])
    ]


def growth_of(days: Sequence[DayCount]) -> list[tuple[date, int, int]]:
    """Return what each period added, and the sum of all until its end.

    Args:
        days: Days with what they added, ascending.

    Returns:
        The first days of the periods, with the sum until the end and with what they added.
    """
    counts = periods_of(days).counts
    totals = accumulate(number for _, number in counts)
    return [(start, total, number) for (start, number), total in zip(counts, totals, strict=True)]
