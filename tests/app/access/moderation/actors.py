"""Who does what in the tests of moderation, and a service that records takedowns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app.access.moderation.log import ModerationLog
from app.access.moderation.quarantine import Quarantine
from app.access.moderation.reports import Reports
from app.access.moderation.service import Moderation
from app.access.moderation.traces import ModerationTraces
from app.access.takedowns.records import Takedown, TakedownKind
from app.access.visibility.hidden import HiddenContributions
from app.services import Services

MODERATOR: Final = "moderator-1"
REPORTERS: Final = tuple(f"{number:032x}" for number in range(9))


@dataclass
class Takedowns:
    """Takes requests for takedowns down, as a service that hides at once and erases later."""

    hidden: HiddenContributions
    services: Services
    requests: list[tuple[str, tuple[str, ...], str | None, str]] = field(default_factory=list)

    def request(
        self,
        kind: TakedownKind,
        identifiers: Sequence[str],
        *,
        reason: str | None,
        requested_by: str,
    ) -> list[Takedown]:
        """Hide contributions, and remember the request."""
        self.requests.append((kind, tuple(identifiers), reason, requested_by))
        if kind == "contribution":
            with self.services.database.write() as connection:
                self.hidden.hide(connection, identifiers, "takedown")
        return []


def moderation_of(
    services: Services, takedowns: Takedowns, threshold: int = 3, per_day: int = 50
) -> Moderation:
    """Return the moderation of a lake with limits of its own."""
    log = ModerationLog(services.database)
    reports = Reports(services.database, per_day)
    quarantine = Quarantine(
        services.database,
        services.access.hidden,
        reports,
        log,
        services.moderation.service.quarantine.superseded_by,
    )
    return Moderation(
        services.database,
        services.access.hidden,
        log,
        reports,
        quarantine,
        ModerationTraces(
            services.database,
            services.access.hidden,
            reports,
            quarantine,
            services.access.banned_contributions,
        ),
        takedowns.request,
        threshold,
    )


def decisions(moderation: Moderation, contribution_id: str) -> list[tuple[str, str]]:
    """Return what was decided about a contribution and by whom, oldest first."""
    entries = moderation.log.page(100, identifier=contribution_id)
    return [(entry.action, entry.actor) for entry in reversed(entries)]
