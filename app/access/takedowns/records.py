"""What is recorded of a takedown and of its contributions, and who asked for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

TakedownKind = Literal["contribution", "conversation", "contributor"]
"""Whether a contribution, all versions of a conversation, or all of a contributor is taken down."""
TAKEDOWN_KINDS: Final[tuple[TakedownKind, ...]] = get_args(TakedownKind)

_CONTRIBUTOR: Final = "contributor:"
"""How names of requesters begin who are contributors; no API key or user has such a name."""


@dataclass(frozen=True, slots=True)
class Takedown:
    """What was asked to be taken down.

    Attributes:
        takedown_id: The id, which only grows.
        kind: What the identifier names.
        identifier: A contribution_id, conversation_id or contributor_id.
        reason: Why, in the words of who asked; None when they gave no reason.
        requested_by: Who asked, such as the name of an API key.
        requested_at: When it was recorded and hidden.
        erased_at: When no file held it any more; None while it is being erased.
    """

    takedown_id: int
    kind: TakedownKind
    identifier: str
    reason: str | None
    requested_by: str
    requested_at: datetime
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class TakenDown:
    """What stays of a contribution that was taken down.

    Attributes:
        contribution_id: The contribution.
        conversation_id: The conversation of which it is a version.
        content_hash: SHA-256 of its canonical content, in hexadecimal digits.
        sequence_number: Number of the commit that added it; None while it isn't committed.
    """

    contribution_id: str
    conversation_id: str
    content_hash: str
    sequence_number: int | None


def requester(contributor_id: str) -> str:
    """Return what records of takedowns call a contributor who asked."""
    return f"{_CONTRIBUTOR}{contributor_id}"


def withdrawn_by(requested_by: str) -> str | None:
    """Return the contributor_id of the owner who asked for a takedown; None if somebody else did.

    Args:
        requested_by: Who asked, as records of takedowns call them.
    """
    owner = requested_by.removeprefix(_CONTRIBUTOR)
    return None if owner == requested_by else owner
