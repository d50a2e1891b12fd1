"""The public feed of takedowns, by which mirrors learn what to delete: ids and times, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_

from app.access.errors import FeedPositionUnknown, TakedownNotFound
from app.access.takedowns.register import Takedowns
from app.state.db import Database
from app.state.models import TakedownRecord, TakenDownContribution

_NEWEST: Final = select(func.max(TakedownRecord.takedown_id))


@dataclass(frozen=True, slots=True)
class TakenDownId:
    """An entry of the feed.

    Attributes:
        takedown_id: The takedown to which the contribution belongs.
        contribution_id: The contribution.
        taken_down_at: When it was hidden.
    """

    takedown_id: int
    contribution_id: str
    taken_down_at: datetime


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """A place in the feed: a reader has read everything up to it.

    Attributes:
        takedown_id: The newest takedown of which the reader has contributions; it has all older
            ones.
        last_id: The last contribution of this takedown that the reader has; None when it has all.
    """

    takedown_id: int = 0
    last_id: str | None = None


FEED_START: Final = FeedPosition()
"""The position of a reader that has read nothing."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A part of the feed.

    Attributes:
        entries: Contributions that were taken down after a position, in order.
        end: The reader's position after these entries.
        more: Whether there are more entries after `end` now.
    """

    entries: Sequence[TakenDownId]
    end: FeedPosition
    more: bool


class TakedownFeed:
    """Reads the feed."""

    def __init__(self, database: Database, takedowns: Takedowns) -> None:
        self._database = database
        self._takedowns = takedowns

    def newest(self) -> FeedPosition:
        """Return the position of a reader that has read everything."""
        return self._position(_NEWEST)

    def at(self, moment: datetime) -> FeedPosition:
        """Return the position of a reader that has read everything before a time."""
        return self._position(_NEWEST.where(TakedownRecord.requested_at < moment))

    def page(self, after: FeedPosition, limit: int) -> FeedPage:
        """Return what was taken down after a position.

        Args:
            after: The position.
            limit: The largest number of entries to return.

        Raises:
            FeedPositionUnknown: The lake hasn't had as many takedowns.
        """
        if after.takedown_id > self.newest().takedown_id:
            raise FeedPositionUnknown("takedowns", "/v1/takedowns")
        # Every id of a contribution comes after the empty one.
        place = (
            (after.takedown_id + 1, "")
            if after.last_id is None
            else (after.takedown_id, after.last_id)
        )
        found = self._entries(place, limit + 1)
        entries, more = found[:limit], len(found) > limit
        if not entries:
            return FeedPage((), after, more=False)
        last = entries[-1]
        return FeedPage(entries, FeedPosition(last.takedown_id, last.contribution_id), more)

    def ids_of(self, takedown_id: int) -> list[UUID]:
        """Return the contribution_ids of a takedown.

        Raises:
            TakedownNotFound: There is no such takedown.
        """
        if self._takedowns.find(takedown_id) is None:
            raise TakedownNotFound(takedown_id)
        query = select(TakenDownContribution.contribution_id).where(
            TakenDownContribution.takedown_id == takedown_id
        )
        with self._database.read() as connection:
            return list(map(UUID, connection.scalars(query)))

    def _position(self, newest: Select[Any]) -> FeedPosition:
        with self._database.read() as connection:
            return FeedPosition(connection.scalar(newest) or 0)

    def _entries(self, after: tuple[int, str], limit: int) -> list[TakenDownId]:
        """Return entries in the order in which contributions were taken down.

        Args:
            after: takedown_id and contribution_id of the last entry that was read.
            limit: Most entries to return.
        """
        position = TakenDownContribution.takedown_id, TakenDownContribution.contribution_id
        query = (
            select(*position, TakedownRecord.requested_at)
            .join(TakedownRecord, TakedownRecord.takedown_id == TakenDownContribution.takedown_id)
            .where(tuple_(*position) > tuple_(*after))
            .order_by(*position)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [TakenDownId(*row) for row in connection.execute(query)]
