"""Lengths of pages, links to next pages, and cursors, which clients pass back unread."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlencode
from uuid import UUID

from flask import request
from marshmallow import ValidationError

from app.access.takedowns.feed import FEED_START, FeedPosition
from app.access.visibility.shown_again import NOTHING_SHOWN, ShownPosition
from app.api.schemas.reference import SnapshotId
from app.api.schemas.selection import NEWEST_FIRST
from app.query.history.changes import Position
from app.query.snapshots import Reference
from app.services import current_services
from catalog.records import time_of

_NEWEST_FIRST: Final = "-"
"""Mark in a cursor of a list that begins with the newest contribution."""


@dataclass(frozen=True, slots=True)
class ContributionCursor:
    """The place in a list of contributions after which the next page begins.

    Attributes:
        snapshot_id: The snapshot that the first page was read from.
        last_id: The last contribution of the page before.
        newest_first: Whether the list is in the reverse order of receipt.
    """

    snapshot_id: str
    last_id: str
    newest_first: bool = False

    def __str__(self) -> str:
        order = _NEWEST_FIRST if self.newest_first else ""
        return urlsafe_b64encode(f"{self.snapshot_id}:{order}{self.last_id}".encode()).decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor from its text.

        Raises:
            ValidationError: The text isn't a cursor of this list.
        """
        try:
            snapshot_id, _, last = urlsafe_b64decode(text.encode()).decode().partition(":")
            last_id = last.removeprefix(_NEWEST_FIRST)
            place = cls(
                str(SnapshotId().deserialize(snapshot_id)), str(UUID(last_id)), last_id != last
            )
            time_of(place.last_id)
        except (ValueError, OverflowError, ValidationError):
            raise ValidationError("Not a cursor of this list.", "cursor") from None
        return place

    def check_sort(self, sort: str | None) -> None:
        """Check that a request doesn't ask for another order than that of the first page.

        Args:
            sort: The order that the request asks for; None when it asks for none.

        Raises:
            ValidationError: The request asks for another order.
        """
        if sort is not None and (sort == NEWEST_FIRST) != self.newest_first:
            raise ValidationError("The cursor belongs to another sort.", "cursor")

    def pin(self, reference: Reference) -> Reference:
        """Return the reference to this cursor's snapshot.

        When the first page was asked for by a tag or a time, the next pages stay on the snapshot
        that it meant then.

        Args:
            reference: The reference that the request has beside the cursor.

        Raises:
            ValidationError: The request asks for another snapshot.
        """
        snapshot_id = int(self.snapshot_id)
        if reference.snapshot_id not in {None, snapshot_id}:
            raise ValidationError("The cursor belongs to another snapshot_id.", "cursor")
        return Reference(snapshot_id=snapshot_id)


@dataclass(frozen=True, slots=True)
class ChangesCursor:
    """The place in the list of changes after which the next page begins.

    Attributes:
        snapshot_id: The snapshot that was read. A lake that was restored from an older copy doesn't
            have it, and gives the same sequence numbers to other commits.
        position: The place after the last change that was read.
        taken_down: The place in the feed of takedowns after the last one that was read. Cursors of
            earlier versions of the service have none, and their readers have read none.
        shown: The place among what was shown again after the last contribution that was read. Of
            cursors without one, readers have read none.
    """

    snapshot_id: int
    position: Position
    taken_down: FeedPosition = FEED_START
    shown: ShownPosition = NOTHING_SHOWN

    def __str__(self) -> str:
        place = (self.snapshot_id, self.position.sequence_number, self.position.last_id or "")
        shown = self.shown.number, self.shown.last_id
        return _encoded(*place, *_parts_of(self.taken_down), *shown)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor from its text.

        Raises:
            ValidationError: The text isn't a cursor of this list.
        """
        try:
            snapshot_id, number, last_id, *feeds = _decoded(text)
            taken_down, shown = feeds[:2], feeds[2:]
            return cls(
                SnapshotId().deserialize(snapshot_id),
                Position(parse_sequence_number(number), _parse_id(last_id)),
                _feed_position(*taken_down) if taken_down else FEED_START,
                _shown_position(*shown) if shown else NOTHING_SHOWN,
            )
        except (TypeError, ValueError, ValidationError):
            raise ValidationError("Not a cursor of this list.", "cursor") from None


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """The place in the feed of takedowns after which the next page begins.

    Attributes:
        position: The place.
    """

    position: FeedPosition

    def __str__(self) -> str:
        return _encoded(*_parts_of(self.position))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor from its text.

        Raises:
            ValidationError: The text isn't a cursor of this list.
        """
        try:
            return cls(_feed_position(*_decoded(text)))
        except (TypeError, ValueError, ValidationError):
            raise ValidationError("Not a cursor of this list.", "cursor") from None


def _encoded(*parts: object) -> str:
    return urlsafe_b64encode(":".join(map(str, parts)).encode()).decode()


def _decoded(text: str) -> list[str]:
    return urlsafe_b64decode(text.encode()).decode().split(":")


def _parts_of(position: FeedPosition) -> tuple[object, object]:
    return position.takedown_id, position.last_id or ""


def _feed_position(takedown_id: str, last_id: str) -> FeedPosition:
    return FeedPosition(parse_sequence_number(takedown_id), _parse_id(last_id))


def _shown_position(number: str, last_id: str) -> ShownPosition:
    return ShownPosition(parse_sequence_number(number), _parse_id(last_id) or "")


def _parse_id(text: str) -> str | None:
    return str(UUID(text)) if text else None


def parse_sequence_number(cursor: str) -> int:
    """Read the cursor of a list of snapshots, which is a sequence number.

    Raises:
        ValidationError: The text isn't a cursor of this list.
    """
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < len(str(2**63))):
        raise ValidationError("Not a cursor of this list.", "cursor")
    return int(cursor)


def page_rows(limit: int | None) -> int:
    """Return the number of entries in a page.

    Args:
        limit: The number that the request asks for; None for the setting `page_rows`.

    Raises:
        ValidationError: The request asks for more than `max_page_rows`.
    """
    settings = current_services().settings
    if limit is not None and limit > settings.max_page_rows:
        raise ValidationError(f"Exceeds max_page_rows = {settings.max_page_rows}.", "limit")
    return limit or min(settings.page_rows, settings.max_page_rows)


def link_to_next(cursor: str, *left_out: str) -> str:
    """Return the Link header's value for the next page of the current request's list.

    Args:
        cursor: The cursor of the next page.
        left_out: Names of parameters that the next request doesn't repeat.
    """
    parameters: dict[str, Any] = {**request.args.to_dict(), "cursor": cursor}
    kept = {name: value for name, value in parameters.items() if name not in left_out}
    return f'<{request.path}?{urlencode(kept)}>; rel="next"'
