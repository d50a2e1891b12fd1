"""Contributions that were hidden and are shown again, which mirrors weren't given before.

Each is recorded with the version of the list of hidden contributions that showed it. A transaction
holds that list while it shows, so versions become visible in ascending order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select, tuple_

from app.access.errors import FeedPositionUnknown
from app.access.visibility.hidden import HIDDEN_LIST
from app.state.db import Database
from app.state.list_versions import list_version
from app.state.models import ShownAgain


@dataclass(frozen=True, slots=True)
class ShownPosition:
    """A place among what was shown again: a reader has everything up to it.

    Attributes:
        number: The version of the list of which the reader has some; it has all of older ones.
        last_id: The last contribution of this version that the reader has; "" when it has none.
    """

    number: int = 0
    last_id: str = ""


NOTHING_SHOWN: Final = ShownPosition()
"""The position of a reader that has read nothing."""


@dataclass(frozen=True, slots=True)
class ShownPage:
    """Some of what was shown again after a position.

    Attributes:
        positions: The position of each contribution, in order; its `last_id` is the contribution.
        more: Whether there was more at that moment.
    """

    positions: Sequence[ShownPosition]
    more: bool

    def end(self, start: ShownPosition) -> ShownPosition:
        """Return the position after this page, which is where it starts if it has nothing."""
        return self.positions[-1] if self.positions else start


class ShownContributions:
    """Reads what was shown again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> ShownPosition:
        """Return the position of a reader that has read everything."""
        with self._database.read() as connection:
            return ShownPosition(list_version(connection, HIDDEN_LIST) + 1)

    def at(self, moment: datetime) -> ShownPosition:
        """Return the position of a reader that has read everything before a time."""
        query = select(func.max(ShownAgain.number)).where(ShownAgain.shown_at < moment)
        with self._database.read() as connection:
            newest = connection.scalar(query)
        return NOTHING_SHOWN if newest is None else ShownPosition(newest + 1)

    def page(self, after: ShownPosition, limit: int) -> ShownPage:
        """Return what was shown again after a position, as the database has it now.

        Args:
            after: The position.
            limit: The largest number of contributions to return.

        Raises:
            FeedPositionUnknown: The lake's list hasn't had as many versions.
        """
        if after.number > self.newest().number:
            raise FeedPositionUnknown("changes of what is hidden", "/v1/changes")
        place = ShownAgain.number, ShownAgain.contribution_id
        query = (
            select(*place)
            .where(tuple_(*place) > tuple_(after.number, after.last_id))
            .order_by(*place)
            .limit(limit + 1)
        )
        with self._database.read() as connection:
            found = [ShownPosition(*row) for row in connection.execute(query)]
        return ShownPage(found[:limit], more=len(found) > limit)
