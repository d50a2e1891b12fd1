"""What is remembered of each day of a stage: what it was computed from, and what came of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import delete, insert, select

from app.state.db import Database
from app.state.models import StageDay
from catalog.stages import ComputedStage

_UNKNOWN: Final = ""
"""The digest of a day that may have any rows; none is like it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRecord:
    """A day of a stage as its table has it.

    Attributes:
        digest: Of what it was computed from.
        rows: How many rows the stage has.
        dropped: How many rows the stage left out, by reason.
    """

    digest: str
    rows: int
    dropped: Mapping[str, int]


class DayRecords:
    """The days of the stages in the relational database.

    Days are marked before their rows are replaced, and recorded afterwards: a build that ends in
    between leaves days that are computed anew, or emptied.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, stage: ComputedStage) -> dict[date, DayRecord]:
        """Return the days of a stage, oldest first."""
        query = (
            select(StageDay.day, StageDay.digest, StageDay.rows, StageDay.dropped)
            .where(StageDay.stage == stage)
            .order_by(StageDay.day)
        )
        with self._database.read() as connection:
            return {
                row.day: DayRecord(digest=row.digest, rows=row.rows, dropped=row.dropped)
                for row in connection.execute(query)
            }

    def changes(self, stage: ComputedStage, digests: Mapping[date, str]) -> dict[date, str | None]:
        """Return the days that must be computed anew, oldest first, with their digests.

        Args:
            stage: The stage.
            digests: What each of its days is to be computed from.

        Returns:
            Those whose digest is another one or new, and with None those that are no more.
        """
        known = {day: record.digest for day, record in self.of(stage).items()}
        return {
            day: digests.get(day)
            for day in sorted(digests.keys() | known.keys())
            if digests.get(day) != known.get(day)
        }

    def mark(self, stage: ComputedStage, days: Collection[date]) -> None:
        """Note that the rows of some days are about to be replaced: nothing is known of them."""
        unknown = DayRecord(digest=_UNKNOWN, rows=0, dropped={})
        self.record(stage, days, dict.fromkeys(days, unknown))

    def record(
        self, stage: ComputedStage, days: Collection[date], records: Mapping[date, DayRecord]
    ) -> None:
        """Record what days are now; those without a record are no more."""
        rows = [
            {
                "stage": stage,
                "day": day,
                "digest": record.digest,
                "rows": record.rows,
                "dropped": dict(record.dropped),
            }
            for day, record in records.items()
        ]
        of_stage = StageDay.stage == stage
        with self._database.write() as connection:
            for day in days:
                connection.execute(delete(StageDay).where(of_stage, StageDay.day == day))
            if rows:
                connection.execute(insert(StageDay), rows)
