"""A record of each day of a stage: what its rows were computed from, and how many there are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import delete, insert, select

from app.state.db import Database
from app.state.models import StageDay
from catalog.stages import ComputedStage

_UNKNOWN: Final = ""
"""The digest of a day whose rows are being replaced. No computed digest equals it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRecord:
    """A day of a stage, as the tables of the stage have it.

    Attributes:
        digest: A digest of what the day was computed from, in hexadecimal.
        rows: Number of rows that the stage has of the day.
        dropped: Number of rows that the stage dropped, by reason.
    """

    digest: str
    rows: int
    dropped: Mapping[str, int]


class DayRecords:
    """The days of the stages, in the relational database.

    A day is marked as unknown before its rows are replaced, and recorded afterwards. So the next
    build computes again, or empties, the days of a build that ended in between.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, stage: ComputedStage) -> dict[date, DayRecord]:
        """Return the days of a stage with their records, oldest first."""
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
        """Return the days of a stage that must be computed again, oldest first.

        Args:
            stage: The stage.
            digests: The digest of what each day is to be computed from.

        Returns:
            The digest of each day that is new or was recorded with another digest, and None for
            each recorded day that has no digest any more.
        """
        known = {day: record.digest for day, record in self.of(stage).items()}
        return {
            day: digests.get(day)
            for day in sorted(digests.keys() | known.keys())
            if digests.get(day) != known.get(day)
        }

    def mark(self, stage: ComputedStage, days: Collection[date]) -> None:
        """Mark days as unknown, before their rows are replaced."""
        unknown = DayRecord(digest=_UNKNOWN, rows=0, dropped={})
        self.record(stage, days, dict.fromkeys(days, unknown))

    def record(
        self, stage: ComputedStage, days: Collection[date], records: Mapping[date, DayRecord]
    ) -> None:
        """Replace the records of some days.

        Args:
            stage: The stage.
            days: The days to replace.
            records: The new records of these days. A day without one is forgotten.
        """
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
