"""Finishing bans, and bans that were lifted, soon after they are recorded, beside the committer."""

import logging
from collections.abc import Callable, Sequence
from threading import Event
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.exc import SQLAlchemyError

from app.access.moderation.banned_contributions import BannedContributions
from app.state.db import Database
from app.state.models import BannedContribution, BanRecord, TakenDownContribution
from catalog.errors import LakeError

_POLL_S: Final = 1.0

TakeDownContributors = Callable[[Sequence[str], str, str | None], object]
"""Has all of some contributors taken down: their ids, who asks and why."""

log = logging.getLogger(__name__)


class BanJob:
    """Hides what banned contributors sent, and has taken down what bans ask for."""

    def __init__(
        self,
        database: Database,
        banned_contributions: BannedContributions,
        take_down: TakeDownContributors,
    ) -> None:
        """Prepare to finish bans.

        Args:
            database: The database.
            banned_contributions: Hides what was sent, and shows it again.
            take_down: Has what is hidden erased, if the ban asked for that.
        """
        self._database = database
        self._banned_contributions = banned_contributions
        self._take_down = take_down
        self._asked: dict[str, frozenset[str]] = {}

    def run(self, stop: Event) -> None:
        """Finish bans, and bans that were lifted, until told to stop."""
        while not stop.wait(_POLL_S):
            try:
                self._banned_contributions.update()
                self.take_down_rest()
            except (SQLAlchemyError, OSError, LakeError) as error:
                # Tried again a moment later: what is done is recorded.
                log.error("bans aren't finished: %s", type(error).__name__)  # noqa: TRY400

    def take_down_rest(self) -> None:
        """Take down what a ban hides that asked for a takedown, where no takedown names it yet.

        A takedown finds nothing of a row that was hidden and then never committed. So this process
        asks for each row once only.
        """
        asking = select(BanRecord.contributor_id, BanRecord.takedown_by, BanRecord.reason).where(
            BanRecord.state == "banned", BanRecord.takedown_by.is_not(None)
        )
        with self._database.read() as connection:
            bans = connection.execute(asking).all()
        for contributor_id, actor, reason in bans:
            left = self._not_taken_down(contributor_id)
            asked = self._asked.get(contributor_id, frozenset())
            if actor is not None and not left <= asked:
                self._take_down([contributor_id], actor, reason)
            self._asked[contributor_id] = left

    def _not_taken_down(self, contributor_id: str) -> frozenset[str]:
        """Return what is hidden of a contributor by a ban, and in no takedown."""
        column = BannedContribution.contribution_id
        named = exists().where(TakenDownContribution.contribution_id == column)
        query = select(column).where(BannedContribution.contributor_id == contributor_id, ~named)
        with self._database.read() as connection:
            return frozenset(connection.scalars(query))
