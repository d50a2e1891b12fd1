"""Tables with files of several days, for tests of plans and scans."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

from pyiceberg.expressions import And, GreaterThanOrEqual, LessThan
from pyiceberg.table import Table

from catalog.reading.plans import DataFile
from catalog.reading.scan import day_bounds
from catalog.records import Contribution
from catalog.snapshots import Snapshot
from catalog.table import append_batch

DAYS = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]


def on(day: date, hour: int = 12) -> datetime:
    """Return an hour of a day, in UTC."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def append_rows(table: Table, contributions: Sequence[Contribution]) -> Snapshot:
    """Append contributions to a table, as one commit."""
    return append_batch(table, uuid4(), contributions)


def of_days(first: date, last: date) -> And:
    """Return the condition that rows were received in a range of days."""
    start, end = day_bounds(first, last)
    return And(
        GreaterThanOrEqual("received_at", start.isoformat()),
        LessThan("received_at", end.isoformat()),
    )


def path_of(file: DataFile) -> Path:
    """Return where a data file lies on this machine."""
    return Path(file.path.removeprefix("file://"))
