"""Pages: how long they are, and cursors, which clients pass back without reading them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from marshmallow import ValidationError

from app.api.schemas.reference import SnapshotId
from app.api.schemas.selection import NEWEST_FIRST
from app.query.changes import Position
from app.query.snapshots import Reference
from app.services import current_services
from catalog.records import time_of

_AGAINST: Final = "-"
"""Marks a place in a list that goes against the order of receipt."""


@dataclass(frozen=True, slots=True)
class ContributionCursor:
    """The place after a contribution, in the snapshot that the first page was read from."""

    snapshot_id: str
    last_id: str
    newest_first: bool = False

    def __str__(self) -> str:
        order = _AGAINST if self.newest_first else ""
        return urlsafe_b64encode(f"{self.snapshot_id}:{order}{self.last_id}".encode()).decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor.

        Raises:
            ValidationError: It isn't one.
        """
        try:
            snapshot_id, _, last = urlsafe_b64decode(text.encode()).decode().partition(":")
            last_id = last.removeprefix(_AGAINST)
            place = cls(
                str(SnapshotId().deserialize(snapshot_id)), str(UUID(last_id)), last_id != last
            )
            time_of(place.last_id)
        except (ValueError, OverflowError, ValidationError):
            raise ValidationError("Not a cursor of this list.", "cursor") from None
        return place

    def keep(self, sort: str | None) -> None:
        """Make sure that the pages go on in the order that they began in.

        Raises:
            ValidationError: Another order is asked for.
        """
        if sort is not None and (sort == NEWEST_FIRST) != self.newest_first:
            raise ValidationError("The cursor belongs to another sort.", "cursor")

    def stay(self, reference: Reference) -> Reference:
        """Return the reference to this cursor's snapshot.

        A page that was first asked for by tag or by time goes on in the snapshot that this meant
        then.

        Raises:
            ValidationError: Another snapshot is asked for.
        """
        snapshot_id = int(self.snapshot_id)
        if reference.snapshot_id not in {None, snapshot_id}:
            raise ValidationError("The cursor belongs to another snapshot_id.", "cursor")
        return Reference(snapshot_id=snapshot_id)


@dataclass(frozen=True, slots=True)
class ChangesCursor:
    """How far a reader of changes has come, and the snapshot that it was read from.

    The snapshot tells apart the lake and what was restored from an older copy of it: there the
    same numbers would mean other commits.
    """

    snapshot_id: int
    position: Position

    def __str__(self) -> str:
        place = (self.snapshot_id, self.position.sequence_number, self.position.last_id or "")
        return urlsafe_b64encode(":".join(map(str, place)).encode()).decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor.

        Raises:
            ValidationError: It isn't one.
        """
        try:
            snapshot_id, number, last_id = urlsafe_b64decode(text.encode()).decode().split(":")
            return cls(
                SnapshotId().deserialize(snapshot_id),
                Position(parse_sequence_number(number), str(UUID(last_id)) if last_id else None),
            )
        except (ValueError, ValidationError):
            raise ValidationError("Not a cursor of this list.", "cursor") from None


def parse_sequence_number(cursor: str) -> int:
    """Read the cursor of a list of snapshots.

    Raises:
        ValidationError: It isn't one.
    """
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < len(str(2**63))):
        raise ValidationError("Not a cursor of this list.", "cursor")
    return int(cursor)


def page_rows(limit: int | None) -> int:
    """Return how many entries a page has.

    Raises:
        ValidationError: More are asked for than may be.
    """
    settings = current_services().settings
    if limit is not None and limit > settings.max_page_rows:
        raise ValidationError(f"Exceeds max_page_rows = {settings.max_page_rows}.", "limit")
    return limit or min(settings.page_rows, settings.max_page_rows)
