import pytest

from app.access.errors import TakenDownForGood
from app.access.takedowns.records import TakenDown
from app.services import Services
from tests.app.access.takedowns.rows import FIRST, SECOND, THIRD, ids_of


@pytest.mark.both
def test_what_stays_of_a_contribution_gets_its_commit_later(services: Services) -> None:
    pending = TakenDown(FIRST.contribution_id, "c", "h", None)
    takedown = services.access.takedowns.record(
        "contribution", FIRST.contribution_id, [pending, SECOND], reason=None, requested_by="a"
    )
    services.access.taken_down.commits_are({FIRST.contribution_id: 7})
    committed = TakenDown(FIRST.contribution_id, "c", "h", 7)
    rows = services.access.taken_down.rows()
    assert sorted(rows, key=lambda row: row.contribution_id) == [committed, SECOND]
    assert list(services.access.taken_down.rows(after=takedown.takedown_id)) == []
    assert services.access.taken_down.rows_of(ids_of(FIRST, THIRD)) == [committed]


def test_what_was_taken_down_is_told_from_what_never_was(services: Services) -> None:
    takedowns = services.access.takedowns
    takedown = takedowns.record("contributor", "y", [FIRST], reason=None, requested_by="a")
    services.access.taken_down.check(SECOND.contribution_id)
    for _ in range(2):
        with pytest.raises(TakenDownForGood, match=FIRST.contribution_id):
            services.access.taken_down.check(FIRST.contribution_id)
        takedowns.finish([takedown])
