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

    Periods between the first and the last have a number, too, since a chart would draw a line over
    them.

    Args:
        days: Days with their numbers, ascending.
    """
    if not days:
        return Periods("day", ())
    numbers = dict(days)
    first, last = days[0][0], days[-1][0]
    every = [first + timedelta(days=place) for place in range((last - first).days + 1)]
    counts = [(day, numbers.get(day, 0)) for day in every]
    if len(counts) <= _MOST_POINTS:
        return Periods("day", counts)
    weeks = _sums(counts, [day - timedelta(days=day.weekday()) for day in every])
    if len(weeks) <= _MOST_POINTS:
        return Periods("week", weeks)
    return Periods("month", _sums(counts, [day.replace(day=1) for day in every]))


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
