"""The quarantine: contributions that no public reader sees until a moderator decides.

A contribution may be there for several causes at once. The versions that it superseded are hidden
with it, since they mostly hold the same; a later version isn't.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from sqlalchemy import Connection, Select, delete, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.access.moderation.errors import NothingToDecide
from app.access.moderation.log import ModerationLog
from app.access.moderation.reports import Reports, is_reviewed
from app.access.visibility.hidden import HiddenContributions
from app.state.db import Database, insert_missing
from app.state.models import (
    ApprovalRecord,
    QuarantinedVersion,
    QuarantineRecord,
    ReportRecord,
    TakenDownContribution,
)
from app.state.parts import in_parts

QuarantineCause = Literal["reports", "scores", "hand"]
"""Why a contribution is in quarantine: readers reported it, a scorer flagged it, or by hand."""
QUARANTINE_CAUSES: Final[tuple[QuarantineCause, ...]] = get_args(QuarantineCause)

State = Literal["quarantined", "reported"]
"""What waits for a decision: what is hidden, or what is only reported and still seen."""
STATES: Final[tuple[State, ...]] = get_args(State)

Superseded = Mapping[str, Sequence[str]]
"""The ids of the versions that contributions superseded, by contribution_id."""

_SCORES: Final = "scores"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A cause for which a contribution is in quarantine.

    Attributes:
        cause: The kind of cause.
        reason: Why, in words; None when nobody gave a reason.
        actor: Who put it there, as in the log.
        quarantined_at: When it was put there.
    """

    cause: QuarantineCause
    reason: str | None
    actor: str
    quarantined_at: datetime


class Quarantine:
    """The quarantine of a lake, in the relational database."""

    def __init__(
        self,
        database: Database,
        hidden: HiddenContributions,
        reports: Reports,
        log: ModerationLog,
        superseded_by: Callable[[Sequence[str]], Superseded],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keep a quarantine.

        Args:
            database: The database.
            hidden: Hides what is in quarantine.
            reports: Knows which reports wait for a decision.
            log: Gets every decision.
            superseded_by: Finds the versions that contributions superseded; leaves out
                contributions that aren't in the lake.
            clock: Returns the time.
        """
        self._database = database
        self._hidden = hidden
        self._reports = reports
        self._log = log
        self.superseded_by = superseded_by
        self._clock = clock

    def add(
        self, ids: Iterable[str], cause: QuarantineCause, actor: str, reason: str | None = None
    ) -> int:
        """Put contributions into quarantine, some hundred in a transaction.

        What isn't in the lake or was taken down is passed over. So is what a moderator approved
        of before, if scores are the cause.

        Args:
            ids: The contribution_ids.
            cause: Why they are put there.
            actor: Who puts them there, as in the log.
            reason: Why, in words; None for no reason.

        Returns:
            The number of contributions that weren't there yet for this cause.
        """
        added = 0
        for some in in_parts(ids):
            superseded = self.superseded_by(some)
            with self._database.write() as connection:
                added += len(self.put(connection, superseded, cause, actor, reason))
        return added

    def put(
        self,
        connection: Connection,
        superseded: Superseded,
        cause: QuarantineCause,
        actor: str,
        reason: str | None,
    ) -> list[str]:
        """Do what `add` does in a transaction of the caller.

        Args:
            connection: A transaction that writes.
            superseded: The contributions, with the versions that each superseded.
            cause: Why they are put there.
            actor: Who puts them there.
            reason: Why, in words; None for no reason.

        Returns:
            The ids of the contributions that weren't there yet for this cause.
        """
        passed_over = _taken_down(connection, superseded)
        if cause == _SCORES:
            passed_over |= _approved(connection, superseded)
        values = {"cause": cause, "reason": reason, "actor": actor, "quarantined_at": self._clock()}
        statement = insert_missing(connection, QuarantineRecord)
        added = [
            each
            for each in superseded
            if each not in passed_over
            and connection.execute(statement, values | {"contribution_id": each}).rowcount
        ]
        versions = [(each, version) for each in added for version in (*superseded[each], each)]
        if versions:
            connection.execute(
                insert_missing(connection, QuarantinedVersion),
                [{"contribution_id": each, "version_id": version} for each, version in versions],
            )
            self._hidden.hide(connection, [version for _, version in versions], "quarantine")
        self._log.write(connection, "quarantine", "contribution", added, actor=actor, reason=reason)
        return added

    def approve(self, contribution_id: str, actor: str, reason: str | None) -> None:
        """Let a contribution be seen again, and note what the moderator found no fault in.

        Later reports for the same reasons don't count towards a quarantine, nor do scores if they
        were the cause.

        Args:
            contribution_id: The contribution.
            actor: The moderator.
            reason: Why; None for no reason.

        Raises:
            NothingToDecide: It is neither in quarantine nor reported.
        """
        now = self._clock()
        with self._database.write() as connection:
            kinds = self._open_kinds(connection, contribution_id)
            connection.execute(
                insert_missing(connection, ApprovalRecord),
                [
                    {"contribution_id": contribution_id, "kind": kind, "approved_at": now}
                    for kind in kinds
                ],
            )
            self.release(connection, [contribution_id])
            self._log.write(
                connection,
                "approve",
                "contribution",
                [contribution_id],
                actor=actor,
                reason=reason,
            )

    def check_open(self, contribution_id: str) -> None:
        """Check that a contribution waits for a decision.

        Raises:
            NothingToDecide: It is neither in quarantine nor reported.
        """
        with self._database.read() as connection:
            self._open_kinds(connection, contribution_id)

    def release(self, connection: Connection, ids: Sequence[str]) -> None:
        """End the quarantine of contributions, and show what no other one keeps hidden.

        Args:
            connection: A transaction that writes.
            ids: The contribution_ids; those that aren't in quarantine are passed over.
        """
        version_id = QuarantinedVersion.version_id
        for some in in_parts(ids):
            is_of_these = QuarantinedVersion.contribution_id.in_(some)
            versions = connection.scalars(select(version_id).where(is_of_these)).all()
            connection.execute(
                delete(QuarantineRecord).where(QuarantineRecord.contribution_id.in_(some))
            )
            connection.execute(delete(QuarantinedVersion).where(is_of_these))
            for part in in_parts(versions):
                kept = set(connection.scalars(select(version_id).where(version_id.in_(part))))
                self._hidden.show(connection, set(part) - kept, "quarantine")

    def forget(self, connection: Connection, ids: Sequence[str]) -> None:
        """Remove all that is kept of contributions that are taken down.

        Args:
            connection: A transaction that writes.
            ids: The contribution_ids.
        """
        for some in in_parts(ids):
            # As an earlier version of a contribution that stays in quarantine.
            is_version = QuarantinedVersion.version_id.in_(some)
            connection.execute(delete(QuarantinedVersion).where(is_version))
            is_approved = ApprovalRecord.contribution_id.in_(some)
            connection.execute(delete(ApprovalRecord).where(is_approved))
        # The list of what is hidden is locked last, as everywhere.
        self.release(connection, ids)
        self._hidden.show(connection, ids, "quarantine")

    def causes_of(self, ids: Sequence[str]) -> dict[str, list[Cause]]:
        """Return why contributions are in quarantine; those that aren't there are left out."""
        found: dict[str, list[Cause]] = defaultdict(list)
        with self._database.read() as connection:
            for some in in_parts(ids):
                query = (
                    select(QuarantineRecord.__table__)
                    .where(QuarantineRecord.contribution_id.in_(some))
                    .order_by(QuarantineRecord.quarantined_at, QuarantineRecord.cause)
                )
                for row in connection.execute(query).mappings():
                    cause = dict(row)
                    found[cause.pop("contribution_id")].append(Cause(**cause))
        return dict(found)

    def waiting(
        self,
        limit: int,
        after: str | None = None,
        state: State | None = None,
        min_reports: int = 1,
    ) -> list[str]:
        """Return the ids of contributions that wait for a decision, in the order of receipt.

        Args:
            limit: The largest number of ids to return.
            after: The id after which the list begins; None begins with the oldest contribution.
            state: What to list: what is hidden, or what is only reported; None for both.
            min_reports: The least number of reports that wait, of what is only reported.
        """
        record, report = QuarantineRecord.contribution_id, ReportRecord.contribution_id
        reported = (
            select(report)
            .where(~is_reviewed(), ~exists().where(record == report))
            .having(func.count() >= min_reports)
        )
        # Each is read in the order of its index up to the limit, however many there are.
        parts = {
            "quarantined": _first(select(record), record, limit, after),
            "reported": _first(reported, report, limit, after),
        }
        with self._database.read() as connection:
            found = {
                each
                for name, query in parts.items()
                if state in {None, name}
                for each in connection.scalars(query)
            }
        return sorted(found)[:limit]

    def count(self) -> int:
        """Return the number of contributions in quarantine."""
        with self._database.read() as connection:
            ids = QuarantineRecord.contribution_id
            return connection.scalar(select(func.count(ids.distinct()))) or 0

    def _open_kinds(self, connection: Connection, contribution_id: str) -> list[str]:
        """Return what there is to decide about a contribution: causes, and reasons of reports.

        Raises:
            NothingToDecide: There is nothing.
        """
        query = select(QuarantineRecord.cause).where(
            QuarantineRecord.contribution_id == contribution_id
        )
        causes = connection.scalars(query).all()
        kinds = [*causes, *self._reports.open_reasons(connection, contribution_id)]
        if not kinds:
            raise NothingToDecide(contribution_id)
        return kinds


def _first(
    query: Select[str], ids: InstrumentedAttribute[str], limit: int, after: str | None
) -> Select[str]:
    """Return the query for the first ids after another one that weren't taken down, each once."""
    first = (
        query.where(~exists().where(TakenDownContribution.contribution_id == ids))
        .group_by(ids)
        .order_by(ids)
        .limit(limit)
    )
    return first if after is None else first.where(ids > after)


def _taken_down(connection: Connection, ids: Iterable[str]) -> set[str]:
    column = TakenDownContribution.contribution_id
    return {
        found
        for some in in_parts(ids)
        for found in connection.scalars(select(column).where(column.in_(some)))
    }


def _approved(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Return those of some contributions whose scores a moderator has seen and approved of."""
    column = ApprovalRecord.contribution_id
    return {
        found
        for some in in_parts(ids)
        for found in connection.scalars(
            select(column).where(column.in_(some), ApprovalRecord.kind == _SCORES)
        )
    }
