import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.access.moderation.log import ModerationLog
from app.services import Services
from tests.app.access.moderation.actors import MODERATOR


@pytest.fixture
def log(services: Services) -> ModerationLog:
    """A log with three entries."""
    made = ModerationLog(services.database)
    with services.database.write() as connection:
        made.write(connection, "ban", "contributor", ["eve", "bob"], actor=MODERATOR, reason="ads")
        made.write(connection, "unban", "contributor", ["eve"], actor="cli:ada", reason=None)
    return made


def test_the_log_is_read_in_pages_newest_first(log: ModerationLog) -> None:
    first, second, third = log.page(10)
    assert [(e.action, e.identifier, e.actor, e.reason) for e in (first, second, third)] == [
        ("unban", "eve", "cli:ada", None),
        ("ban", "bob", MODERATOR, "ads"),
        ("ban", "eve", MODERATOR, "ads"),
    ]
    assert log.page(1) == [first]
    assert log.page(10, before=first.entry_id) == [second, third]
    assert log.page(10, identifier="eve") == [first, third]


@pytest.mark.both
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE moderation_log SET reason = 'another'",
        "UPDATE moderation_log SET reason = 'another' WHERE actor = 'cli:ada'",
        "DELETE FROM moderation_log",
        "DELETE FROM moderation_log WHERE entry_id = 1",
    ],
)
def test_no_entry_can_be_changed_or_deleted(
    services: Services, log: ModerationLog, statement: str
) -> None:
    before = log.page(10)
    with pytest.raises(DBAPIError, match="only appended to"), services.database.write() as write:
        write.execute(text(statement))
    assert log.page(10) == before


def test_no_entry_can_be_replaced_in_sqlite(services: Services, log: ModerationLog) -> None:
    before = log.page(10)
    statement = (
        "INSERT OR REPLACE INTO moderation_log (entry_id, decided_at, actor, action, kind,"
        " identifier) VALUES (1, '2026-01-01 00:00:00', 'x', 'ban', 'contributor', 'x')"
    )
    with pytest.raises(DBAPIError, match="only appended to"), services.database.write() as write:
        write.execute(text(statement))
    assert log.page(10) == before
