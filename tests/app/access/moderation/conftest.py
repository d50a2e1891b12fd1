"""Fixtures of moderation: a lake with some contributions, and takedowns that are only recorded."""

import pytest

from app.access.moderation.service import Moderation
from app.services import Services
from catalog.records import Contribution
from tests.app.access.moderation.actors import Takedowns, moderation_of
from tests.factories import commit_batch, make_received


@pytest.fixture
def made(services: Services) -> list[Contribution]:
    """Contributions: two versions of a conversation, and another one."""
    mine = {"contributor_id": "ada", "conversation_id": "chat"}
    contributions = [make_received(0, **mine), make_received(1, **mine), make_received(1)]
    for each in contributions:
        commit_batch(services, each)
    return contributions


@pytest.fixture
def takedowns(services: Services) -> Takedowns:
    """The takedowns that were asked for."""
    return Takedowns(services.access.hidden, services)


@pytest.fixture
def moderation(services: Services, takedowns: Takedowns) -> Moderation:
    """The moderation of the lake, by which three reports hide a contribution."""
    return moderation_of(services, takedowns)
