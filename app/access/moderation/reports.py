"""Reports: what readers have against contributions.

Of one reporter, one report counts for a contribution: the first. A reporter is the keyed hash of
the network that the report came from, so no address is stored. Of a contribution, so many reports
for one reason are kept that a moderator needs no more: whoever has many networks can fill neither
the database nor a page with reports of one contribution, nor displace reports for another reason.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, get_args

from sqlalchemy import ColumnElement, Connection, delete, exists, func, select

from app.access.moderation.errors import TooManyReports
from app.state.db import Database, insert_missing
from app.state.models import ApprovalRecord, ReportRecord
from app.state.parts import in_parts
from app.telemetry.labels import ReportReason

REPORT_REASONS: Final[tuple[ReportReason, ...]] = get_args(ReportReason)
MAX_COMMENT_CHARACTERS: Final = 2_000
KEPT_OF_A_REASON: Final = 100
"""Reports for one reason that are kept of a contribution."""
SHOWN_OF_A_REASON: Final = 20
"""Reports for one reason that are shown of a contribution, the oldest ones."""

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report of a contribution.

    Attributes:
        reason: What is wrong with it.
        comment: What the reporter adds; None when they add nothing.
        reporter: The keyed hash of their network, by which reports of one reporter are known.
        reported_at: When it came.
        is_reviewed: Whether a moderator has approved the contribution in spite of this reason.
    """

    reason: ReportReason
    comment: str | None
    reporter: str
    reported_at: datetime
    is_reviewed: bool


class Reports:
    """The reports of a lake, in the relational database."""

    def __init__(
        self,
        database: Database,
        per_day: int,
        kept_of_a_reason: int = KEPT_OF_A_REASON,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keep reports.

        Args:
            database: The database.
            per_day: Number of reports that count of one reporter in a day.
            kept_of_a_reason: Number of reports for one reason that are kept of a contribution.
            clock: Returns the time.
        """
        self._database = database
        self._per_day = per_day
        self._kept_of_a_reason = kept_of_a_reason
        self._clock = clock

    def add(
        self,
        connection: Connection,
        contribution_id: str,
        reason: ReportReason,
        comment: str | None,
        reporter: str,
    ) -> bool:
        """Add a report, and tell whether it counts.

        It doesn't if the reporter has reported the contribution before, or if so many others have
        for the same reason that no more are kept.

        Args:
            connection: A transaction that writes.
            contribution_id: The contribution.
            reason: What is wrong with it.
            comment: What the reporter adds; None for nothing.
            reporter: The keyed hash of their network.

        Raises:
            TooManyReports: The reporter has sent too many in a day.
        """
        of_the_reason = select(func.count()).where(
            ReportRecord.contribution_id == contribution_id, ReportRecord.reason == reason
        )
        if (connection.scalar(of_the_reason) or 0) >= self._kept_of_a_reason:
            return False
        now = self._clock()
        report = {
            "contribution_id": contribution_id,
            "reporter": reporter,
            "reason": reason,
            "comment": comment,
            "reported_at": now,
        }
        if not connection.execute(insert_missing(connection, ReportRecord), report).rowcount:
            return False
        # After the insert, which an error takes back: a repeated report needs no room.
        since = [ReportRecord.reporter == reporter, ReportRecord.reported_at > now - _DAY]
        of_the_day = select(func.count(), func.min(ReportRecord.reported_at)).where(*since)
        number, oldest = connection.execute(of_the_day).one()
        if number > self._per_day:
            raise TooManyReports(self._per_day, oldest + _DAY - now)
        return True

    def of(
        self, contribution_ids: Sequence[str], most_of_a_reason: int = SHOWN_OF_A_REASON
    ) -> dict[str, list[Report]]:
        """Return the oldest reports of contributions, oldest first.

        Args:
            contribution_ids: The contributions; those without any report are left out.
            most_of_a_reason: The largest number of reports to return for one reason of one
                contribution.
        """
        place = func.row_number().over(
            partition_by=(ReportRecord.contribution_id, ReportRecord.reason),
            order_by=ReportRecord.report_id,
        )
        found: dict[str, list[Report]] = defaultdict(list)
        with self._database.read() as connection:
            for some in in_parts(contribution_ids):
                placed = (
                    select(ReportRecord.report_id, place.label("place"))
                    .where(ReportRecord.contribution_id.in_(some))
                    .subquery()
                )
                query = (
                    select(
                        ReportRecord.contribution_id,
                        ReportRecord.reason,
                        ReportRecord.comment,
                        ReportRecord.reporter,
                        ReportRecord.reported_at,
                        is_reviewed().label("is_reviewed"),
                    )
                    .join(placed, placed.c.report_id == ReportRecord.report_id)
                    .where(placed.c.place <= most_of_a_reason)
                    .order_by(ReportRecord.report_id)
                )
                for row in connection.execute(query).mappings():
                    report = dict(row)
                    found[report.pop("contribution_id")].append(Report(**report))
        return dict(found)

    def open_numbers(self, contribution_id: str) -> dict[str, int]:
        """Return how many reports wait for a decision on a contribution, by reason."""
        with self._database.read() as connection:
            return self.open_reasons(connection, contribution_id)

    def open_reasons(self, connection: Connection, contribution_id: str) -> dict[str, int]:
        """Return what `open_numbers` does, in a transaction of the caller."""
        query = (
            select(ReportRecord.reason, func.count().label("number"))
            .where(ReportRecord.contribution_id == contribution_id, ~is_reviewed())
            .group_by(ReportRecord.reason)
        )
        return {row.reason: row.number for row in connection.execute(query)}

    def remove(self, connection: Connection, contribution_ids: Iterable[str]) -> None:
        """Remove the reports of contributions, whose comments may quote them."""
        for some in in_parts(contribution_ids):
            connection.execute(delete(ReportRecord).where(ReportRecord.contribution_id.in_(some)))


def is_reviewed() -> ColumnElement[bool]:
    """Return the condition that a moderator has approved of a contribution in spite of a report."""
    return exists().where(
        ApprovalRecord.contribution_id == ReportRecord.contribution_id,
        ApprovalRecord.kind == ReportRecord.reason,
    )
