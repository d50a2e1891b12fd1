import pytest

from app.access.visibility.audience import PUBLIC
from app.query.snapshots import Reference
from app.query.statistics.overview import Overview
from app.services import Services
from tests.factories import FIRST_DAY, commit_batch, hide, make_received, show


def overview(services: Services) -> Overview:
    return services.reading.overviews.of(services.reading.snapshots.view(Reference(), PUBLIC))


def test_an_empty_lake_holds_nothing(services: Services) -> None:
    assert overview(services) == Overview(0, 0, 0, ())


@pytest.mark.slow
def test_conversations_and_turns_are_counted_by_day_without_what_is_hidden(
    services: Services,
) -> None:
    kept = make_received(0, contributor_id="ada0" * 8)
    hidden = make_received(1, "a", "b", "c", contributor_id="e4e0" * 8)
    commit_batch(services, kept, hidden)
    first, second = FIRST_DAY.date(), FIRST_DAY.date().replace(day=2)
    assert overview(services) == Overview(2, 5, 2, ((first, 1), (second, 1)))
    assert overview(services) is overview(services)
    hide(services, hidden.contribution_id)
    assert overview(services) == Overview(1, 2, 1, ((first, 1),))
    show(services, hidden.contribution_id)
    assert overview(services).turns == 5
    commit_batch(services, make_received(1))
    assert overview(services) == Overview(3, 7, 2, ((first, 1), (second, 2)))
