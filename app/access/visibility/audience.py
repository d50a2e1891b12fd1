"""Whom the lake is read for, which decides what a reading shows.

Every reading has an audience. Where none is named, it is the public, which sees the least.
"""

from dataclasses import dataclass
from typing import Final

from app.access.permissions.keys import ApiKey
from app.access.visibility.hidden import CAUSES, Cause


@dataclass(frozen=True, slots=True)
class Audience:
    """Readers who may see the same.

    Attributes:
        hidden_for: The causes for which contributions are hidden from them.
        sees_young: Whether they see snapshots that are younger than the embargo.
    """

    hidden_for: frozenset[Cause]
    sees_young: bool


PUBLIC: Final = Audience(frozenset(CAUSES), sees_young=False)
"""Everybody, and so what is built to be published."""
KEY_HOLDERS: Final = Audience(frozenset(CAUSES), sees_young=True)
"""Who has an API key to read."""
MODERATORS: Final = Audience(frozenset[Cause]({"takedown"}), sees_young=True)
"""Who has an API key to moderate or to operate."""
OWNERS: Final = MODERATORS
"""Contributors, of what they sent themselves."""
OPERATOR: Final = Audience(frozenset(), sees_young=True)
"""Who runs commands on the machine, and the service's own work."""


def audience_of(key: ApiKey | None) -> Audience:
    """Return the audience of a request.

    Args:
        key: The request's valid API key; None without one.
    """
    if key is None:
        return PUBLIC
    match key.role:
        case "moderate" | "operate":
            return MODERATORS
        case "read":
            return KEY_HOLDERS
        case _:
            return PUBLIC
