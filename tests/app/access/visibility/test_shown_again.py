"""What was hidden and is shown again, by which mirrors get what they were not given."""

from datetime import UTC, datetime, timedelta

import pytest

from app.access.errors import FeedPositionUnknown
from app.access.visibility.hidden import Cause, HiddenContributions
from app.access.visibility.shown_again import NOTHING_SHOWN, ShownContributions, ShownPosition
from app.services import Services
from tests.factories import hide

FIRST, SECOND, THIRD = (f"01900000-0000-7000-8000-00000000000{n}" for n in (1, 2, 3))
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def show(services: Services, cause: Cause, *ids: str, at: datetime = NOON) -> None:
    """End a cause for hiding contributions, at a time."""
    hidden = HiddenContributions(services.database, lambda: at)
    with services.database.write() as connection:
        hidden.show(connection, ids, cause)


def shown(services: Services, after: ShownPosition = NOTHING_SHOWN) -> list[str]:
    """Return the ids of what was shown again after a position."""
    page = ShownContributions(services.database).page(after, 10)
    assert not page.more
    return [each.last_id for each in page.positions]


@pytest.mark.both
def test_what_no_cause_hides_any_more_is_shown_again_in_the_order_of_the_decisions(
    services: Services,
) -> None:
    hide(services, FIRST, SECOND, THIRD)
    hide(services, SECOND, cause="ban")
    show(services, "quarantine", THIRD, SECOND)
    assert shown(services) == [THIRD]
    show(services, "quarantine", FIRST)
    show(services, "ban", SECOND, FIRST)
    assert shown(services) == [THIRD, FIRST, SECOND]
    # A second time, after it was hidden a second time.
    hide(services, THIRD, cause="ban")
    show(services, "ban", THIRD)
    assert shown(services) == [THIRD, FIRST, SECOND, THIRD]


def test_what_was_not_hidden_and_what_is_erased_is_not_shown_again(services: Services) -> None:
    hide(services, FIRST, cause="takedown")
    show(services, "takedown", FIRST)
    show(services, "quarantine", SECOND)
    assert shown(services) == []


def test_a_reader_goes_on_from_any_position(services: Services) -> None:
    feed = ShownContributions(services.database)
    start = feed.newest()
    hide(services, FIRST, SECOND, THIRD, cause="ban")
    show(services, "ban", FIRST, SECOND)
    show(services, "ban", THIRD, at=NOON + timedelta(hours=1))
    page = feed.page(start, 1)
    assert ([each.last_id for each in page.positions], page.more) == ([FIRST], True)
    assert shown(services, page.end(start)) == [SECOND, THIRD]
    assert shown(services, feed.newest()) == []
    assert shown(services, feed.at(NOON)) == [FIRST, SECOND, THIRD]
    assert shown(services, feed.at(NOON + timedelta(minutes=1))) == [THIRD]
    assert shown(services, feed.at(NOON + timedelta(hours=2))) == []
    empty = feed.page(feed.newest(), 1)
    assert (empty.end(start), empty.more) == (start, False)


def test_a_position_of_a_later_copy_of_the_lake_is_refused(services: Services) -> None:
    feed = ShownContributions(services.database)
    newest = feed.newest()
    with pytest.raises(FeedPositionUnknown, match="/v1/changes"):
        feed.page(ShownPosition(newest.number + 1), 1)


def test_what_is_taken_down_leaves_no_id_behind(services: Services) -> None:
    hide(services, FIRST, SECOND, cause="ban")
    show(services, "ban", FIRST, SECOND)
    with services.database.write() as connection:
        services.access.hidden.forget_shown(connection, [FIRST])
    assert shown(services) == [SECOND]
