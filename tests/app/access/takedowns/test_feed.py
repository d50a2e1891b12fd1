import pytest

from app.access.takedowns.feed import FEED_START, TakenDownId
from app.services import Services
from tests.app.access.takedowns.rows import FIRST, SECOND, THIRD


@pytest.mark.both
def test_the_feed_is_in_the_order_of_takedowns_and_tells_nothing_else(services: Services) -> None:
    takedowns = services.access.takedowns
    one = takedowns.record("contribution", "x", [THIRD], reason=None, requested_by="a")
    two = takedowns.record("contributor", "y", [SECOND, FIRST], reason=None, requested_by="a")
    feed = [
        TakenDownId(one.takedown_id, THIRD.contribution_id, one.requested_at),
        TakenDownId(two.takedown_id, FIRST.contribution_id, two.requested_at),
        TakenDownId(two.takedown_id, SECOND.contribution_id, two.requested_at),
    ]
    page = services.access.takedown_feed.page(FEED_START, 2)
    assert page.entries == feed[:2]
    assert page.more
    page = services.access.takedown_feed.page(page.end, 2)
    assert page.entries == feed[2:]
    assert not page.more
    assert services.access.takedown_feed.page(page.end, 2).entries == ()
