from datetime import UTC, datetime

import pytest

from app.access.moderation.bans import Ban, Bans
from app.access.moderation.errors import NotBanned
from app.access.moderation.log import ModerationLog
from app.services import Services
from tests.app.access.moderation.actors import MODERATOR

NOW = datetime(2026, 11, 29, 21, tzinfo=UTC)


@pytest.fixture
def bans(services: Services) -> Bans:
    """The bans of a lake that has none yet."""
    return Bans(services.database, ModerationLog(services.database), clock=lambda: NOW)


@pytest.mark.both
def test_bans_are_listed_with_who_and_why_and_keep_their_first_reason(bans: Bans) -> None:
    assert bans.contributor_ids() == frozenset()
    assert bans.ban(["eve", "bob", "eve"], actor=MODERATOR, reason="advertising") == 2
    assert bans.ban(["eve"], actor="cli:ada", reason="again") == 0
    assert bans.contributor_ids() == {"bob", "eve"}
    assert bans.all() == [
        Ban(
            contributor_id=name,
            state="hiding",
            reason="advertising",
            banned_by=MODERATOR,
            banned_at=NOW,
        )
        for name in ("bob", "eve")
    ]


@pytest.mark.both
def test_bans_are_lifted_all_of_them_or_none(services: Services, bans: Bans) -> None:
    bans.ban(["eve"], actor=MODERATOR, reason=None)
    with pytest.raises(NotBanned) as caught:
        bans.lift(["eve", "bob"], actor=MODERATOR, reason=None)
    assert caught.value.contributor_ids == ("bob",)
    assert bans.contributor_ids() == {"eve"}
    bans.lift(["eve"], actor=MODERATOR, reason="a mistake")
    assert bans.contributor_ids() == frozenset()
    assert bans.all() == []
    with pytest.raises(NotBanned):
        bans.lift(["eve"], actor=MODERATOR, reason=None)
    assert bans.ban(["eve"], actor="cli:ada", reason="after all") == 1
    assert [(each.banned_by, each.reason) for each in bans.all()] == [("cli:ada", "after all")]
    log = services.access.moderation_log.page(10)
    assert [(entry.action, entry.identifier, entry.reason) for entry in reversed(log)] == [
        ("ban", "eve", None),
        ("unban", "eve", "a mistake"),
        ("ban", "eve", "after all"),
    ]


def test_another_process_sees_a_change_by_one_query_of_the_number(
    services: Services, bans: Bans
) -> None:
    elsewhere = Bans(services.database, ModerationLog(services.database))
    number, banned = elsewhere.current()
    assert banned == frozenset()
    bans.ban(["eve"], actor=MODERATOR, reason=None)
    assert elsewhere.current() == (number + 1, frozenset({"eve"}))
