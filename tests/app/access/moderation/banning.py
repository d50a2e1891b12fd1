"""Bans and what they hide, for tests."""

from typing import Any

from app.services import Services
from catalog.records import Contribution
from tests.app.access.moderation.actors import MODERATOR

EVE: Any = {"contributor_id": "eve"}


def ban(services: Services, *names: str) -> None:
    """Ban contributors, without taking anything down."""
    services.access.bans.ban(names, actor=MODERATOR, reason=None)


def unban(services: Services, *names: str) -> None:
    """Lift the bans of contributors."""
    services.access.bans.lift(names, actor=MODERATOR, reason=None)


def hidden(services: Services) -> set[str]:
    """Return what no public reader sees."""
    return set(services.access.hidden.ids().to_pylist())


def ids_of(*contributions: Contribution) -> set[str]:
    """Return the ids of contributions."""
    return {each.contribution_id for each in contributions}
