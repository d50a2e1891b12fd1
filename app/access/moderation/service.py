"""What readers and moderators do: report, quarantine, approve, reject, ban."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

from app.access.moderation.errors import NotReportable, UnknownContributions
from app.access.moderation.log import SERVICE, Action, ModerationLog
from app.access.moderation.quarantine import Quarantine
from app.access.moderation.reports import Reports
from app.access.moderation.traces import ModerationTraces
from app.access.takedowns.records import Takedown, TakedownKind
from app.access.visibility.hidden import HiddenContributions
from app.state.db import Database
from app.telemetry import metrics
from app.telemetry.labels import ReportReason
from catalog.errors import NotFound

_REPORTERS: Final = f"{SERVICE}reports"


class RequestTakedown(Protocol):
    """Records takedowns, which hides at once what is erased soon: `TakedownService.request`."""

    def __call__(
        self,
        kind: TakedownKind,
        identifiers: Sequence[str],
        *,
        reason: str | None,
        requested_by: str,
    ) -> list[Takedown]:
        """Record the takedown of each of some contributions, conversations or contributors."""


class Moderation:
    """Moderation of a lake.

    Attributes:
        log: Every decision.
        reports: What readers have against contributions.
        quarantine: What is hidden until a moderator decides.
    """

    def __init__(
        self,
        database: Database,
        hidden: HiddenContributions,
        log: ModerationLog,
        reports: Reports,
        quarantine: Quarantine,
        traces: ModerationTraces,
        request_takedown: RequestTakedown,
        reports_to_quarantine: int,
    ) -> None:
        """Moderate a lake.

        Args:
            database: The database.
            hidden: Knows what the public can't see.
            log: Gets every decision.
            reports: Keeps the reports.
            quarantine: Keeps the quarantine.
            traces: Removes what moderation keeps of contributions.
            request_takedown: Records takedowns.
            reports_to_quarantine: Number of reporters from which a contribution is put into
                quarantine; 0 for never.
        """
        self._database = database
        self._hidden = hidden
        self.log = log
        self.reports = reports
        self.quarantine = quarantine
        self._traces = traces
        self._request_takedown = request_takedown
        self._reports_to_quarantine = reports_to_quarantine

    def report(
        self, contribution_id: str, reason: ReportReason, comment: str | None, reporter: str
    ) -> bool:
        """Add a report, and put the contribution into quarantine once enough readers reported it.

        Reports for reasons that a moderator has approved of before don't count.

        Args:
            contribution_id: A contribution that the reporter can see.
            reason: What is wrong with it.
            comment: What the reporter adds; None for nothing.
            reporter: The keyed hash of the reporter's network.

        Returns:
            Whether it counts: see `Reports.add`.

        Raises:
            TooManyReports: The reporter has sent too many in a day.
            NotReportable: The contribution isn't in the lake, or is hidden.
        """
        if self._hidden.causes(contribution_id):
            raise NotReportable(contribution_id)
        # Looked up before the transaction, which other writers wait for.
        found = self.quarantine.superseded_by([contribution_id])
        if contribution_id not in found:
            raise NotReportable(contribution_id)
        with self._database.write() as connection:
            is_new = self.reports.add(connection, contribution_id, reason, comment, reporter)
            open_reasons = self.reports.open_reasons(connection, contribution_id)
            count = sum(open_reasons.values())
            if 0 < self._reports_to_quarantine <= count:
                reason_in_words = _in_words(open_reasons)
                self.quarantine.put(connection, found, "reports", _REPORTERS, reason_in_words)
        if is_new:
            metrics.reported(reason)
        return is_new

    def put_into_quarantine(self, ids: Iterable[str], actor: str, reason: str | None) -> int:
        """Put contributions into quarantine by hand, all of them or none.

        Args:
            ids: The contribution_ids.
            actor: The moderator.
            reason: Why; None for no reason.

        Returns:
            The number of contributions that weren't put there by hand before.

        Raises:
            UnknownContributions: Some of them aren't in the lake.
        """
        wanted = list(dict.fromkeys(ids))
        found = self.quarantine.superseded_by(wanted)
        if unknown := [each for each in wanted if each not in found]:
            raise UnknownContributions(unknown)
        with self._database.write() as connection:
            return len(self.quarantine.put(connection, found, "hand", actor, reason))

    def reject(self, contribution_id: str, actor: str, reason: str | None) -> list[Takedown]:
        """Have a contribution that waits for a decision taken down.

        It stays in quarantine until the takedown is recorded. The decision is logged first, so
        that a takedown whose moderator isn't known can't come about.

        Args:
            contribution_id: The contribution.
            actor: The moderator.
            reason: Why; None for no reason.

        Returns:
            The takedown.

        Raises:
            NothingToDecide: It is neither in quarantine nor reported.
        """
        self.quarantine.check_open(contribution_id)
        self._write_log("reject", "contribution", [contribution_id], actor, reason)
        takedowns = self._request_takedown(
            "contribution", [contribution_id], reason=reason, requested_by=actor
        )
        with self._database.write() as connection:
            self._traces.forget(connection, [contribution_id])
        return takedowns

    def take_down(
        self, kind: TakedownKind, identifiers: Sequence[str], actor: str, reason: str | None
    ) -> list[Takedown]:
        """Have something taken down, whether it waits for a decision or not.

        Args:
            kind: What the identifiers name.
            identifiers: contribution_ids, conversation_ids or contributor_ids.
            actor: The moderator.
            reason: Why; None for no reason.

        Raises:
            NotFound: The lake has nothing of some of them; nothing is taken down.
        """
        recorded = self._request_takedown(kind, identifiers, reason=reason, requested_by=actor)
        self._write_log("takedown", kind, identifiers, actor, reason)
        return recorded

    def take_down_contributors(
        self, contributor_ids: Sequence[str], actor: str, reason: str | None
    ) -> list[Takedown]:
        """Have everything that some contributors sent taken down; they may have sent nothing."""
        recorded = []
        for each in contributor_ids:
            with suppress(NotFound):
                recorded += self.take_down("contributor", [each], actor, reason)
        return recorded

    def _write_log(
        self,
        action: Action,
        kind: TakedownKind,
        identifiers: Sequence[str],
        actor: str,
        reason: str | None,
    ) -> None:
        with self._database.write() as connection:
            self.log.write(connection, action, kind, identifiers, actor=actor, reason=reason)


def _in_words(counts: Mapping[str, int]) -> str:
    """Return how many reports there are by reason, such as `spam 2, other 1`."""
    ordered = sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))
    return ", ".join(f"{reason} {count}" for reason, count in ordered)
