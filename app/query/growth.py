"""The growth of the lake, day by day, from few entries of the ledger however many it has."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

from sqlalchemy import Connection

from app.state import ledger
from catalog.snapshots import Snapshot

MAX_DAYS: Final = 366
"""Most entries; of a longer history, each entry stands for several days."""
SUMMED_COMMITS: Final = 20_000
"""Number of the newest commits whose files are summed up by day."""
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class GrowthEntry:
    """What became of the lake on a day, or on some days.

    Attributes:
        day: The last of these days, in UTC.
        total_rows: Number of rows at its end, every version counted.
        commits: Number of commits.
    """

    day: date
    total_rows: int
    commits: int


@dataclass(frozen=True, slots=True)
class Growth:
    """The growth of a lake.

    Attributes:
        began_at: When the first commit was made; None while there is none.
        days: Number of days that an entry stands for; the last entry may stand for fewer.
        entries: The entries, oldest first.
        added_bytes: Size of the files that were written, by day, oldest first. Days that aren't
            among the newest `SUMMED_COMMITS` commits as a whole are left out.
    """

    began_at: datetime | None
    days: int
    entries: list[GrowthEntry]
    added_bytes: dict[date, int]

    @property
    def commits(self) -> int:
        """Number of all commits."""
        return sum(entry.commits for entry in self.entries)

    def rows_by_day(self) -> list[tuple[date, int]]:
        """Return the number of rows at the end of the days of each entry."""
        return [(entry.day, entry.total_rows) for entry in self.entries]

    def commits_by_day(self) -> list[tuple[date, int]]:
        """Return the number of commits on the days of each entry."""
        return [(entry.day, entry.commits) for entry in self.entries]


NO_GROWTH: Final = Growth(None, 1, [], {})


def read_growth(connection: Connection, before: int | None) -> Growth:
    """Return the growth of the lake.

    Each entry is found by an index, so that a lake with a million commits is as quick to tell.

    Args:
        connection: A connection to the database with the ledger.
        before: Only commits with a lower sequence number than this; None for all.
    """
    newest = ledger.newest(connection, before)
    oldest = ledger.first_from(connection, 0)
    if newest is None or oldest is None:
        return NO_GROWTH
    first, last = oldest.committed_at.date(), newest.committed_at.date()
    days = (last - first).days // MAX_DAYS + 1
    ends = list(_ends(connection, newest, first, days))
    numbers = [oldest.sequence_number - 1, *(snapshot.sequence_number for _, snapshot in ends)]
    entries = [
        GrowthEntry(day, snapshot.total_rows, number - number_before)
        for (day, snapshot), (number_before, number) in zip(ends, pairwise(numbers), strict=True)
    ]
    return Growth(oldest.committed_at, days, entries, _added_bytes(connection, oldest, newest))


def _ends(
    connection: Connection, newest: Snapshot, first: date, days: int
) -> Iterator[tuple[date, Snapshot]]:
    """Yield each last day of some days with the newest snapshot at its end."""
    last = newest.committed_at.date()
    day = first + timedelta(days=days - 1)
    while day < last:
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        found = ledger.as_of(connection, midnight - _INSTANT)
        # Where a clock was set back, a day may have none, or begin after the newest snapshot.
        if found is not None and found.sequence_number < newest.sequence_number:
            yield day, found
        day += timedelta(days=days)
    yield last, newest


def _added_bytes(connection: Connection, oldest: Snapshot, newest: Snapshot) -> dict[date, int]:
    after = newest.sequence_number - SUMMED_COMMITS
    by_day = ledger.added_bytes_by_day(connection, after, newest.sequence_number)
    whole = sorted(by_day)
    if after >= oldest.sequence_number:
        whole = whole[1:]
    return {day: by_day[day] for day in whole}
