from uuid import uuid4

import pytest
from sqlalchemy import insert

from app.access.moderation.quarantine import Quarantine
from app.access.moderation.service import Moderation
from app.services import Services
from app.state.models import TakenDownContribution
from catalog.records import Contribution
from tests.app.access.moderation.actors import MODERATOR, REPORTERS
from tests.factories import commit_batch, make_received

SCORER = "service:scores"


@pytest.fixture
def quarantine(moderation: Moderation) -> Quarantine:
    """The quarantine of the lake."""
    return moderation.quarantine


def hidden(services: Services) -> set[str]:
    """Return what no public reader sees."""
    return set(services.access.hidden.ids().to_pylist())


@pytest.mark.both
def test_scores_put_contributions_into_quarantine_until_a_moderator_approves(
    services: Services, quarantine: Quarantine, made: list[Contribution]
) -> None:
    ids = [each.contribution_id for each in made]
    assert quarantine.add([*ids[1:], str(uuid4())], "scores", SCORER, "sexual 0.9") == 2
    assert quarantine.add(ids[1:], "scores", SCORER) == 0
    assert hidden(services) == set(ids)
    quarantine.approve(ids[1], MODERATOR, None)
    assert hidden(services) == {ids[2]}
    assert quarantine.add(ids[1:], "scores", SCORER) == 0
    assert hidden(services) == {ids[2]}


def test_what_another_quarantine_keeps_hidden_stays_so(
    services: Services, quarantine: Quarantine, made: list[Contribution]
) -> None:
    first, second = made[0].contribution_id, made[1].contribution_id
    quarantine.add([second], "hand", MODERATOR)
    quarantine.add([first], "hand", MODERATOR)
    quarantine.approve(second, MODERATOR, None)
    assert hidden(services) == {first}
    quarantine.approve(first, MODERATOR, None)
    assert hidden(services) == set()


def test_a_contribution_has_a_cause_of_each_kind_at_once(
    moderation: Moderation, quarantine: Quarantine, made: list[Contribution]
) -> None:
    name = made[2].contribution_id
    for reporter in REPORTERS[:3]:
        moderation.report(name, "spam", None, reporter)
    quarantine.add([name], "scores", SCORER, "sexual 0.9")
    quarantine.add([name], "hand", MODERATOR, "seen it")
    found = quarantine.causes_of([name])
    assert [(each.cause, each.reason) for each in found[name]] == [
        ("reports", "spam 3"),
        ("scores", "sexual 0.9"),
        ("hand", "seen it"),
    ]
    assert quarantine.count() == 1
    quarantine.approve(name, MODERATOR, None)
    assert quarantine.causes_of([name]) == {}
    # By hand, it can be hidden again at any time.
    assert quarantine.add([name], "hand", MODERATOR) == 1


def test_what_was_taken_down_is_neither_quarantined_nor_listed(
    services: Services, quarantine: Quarantine, made: list[Contribution]
) -> None:
    ids = [each.contribution_id for each in made]
    quarantine.add([ids[0]], "hand", MODERATOR)
    with services.database.write() as connection:
        for name in (ids[0], ids[2]):
            connection.execute(
                insert(TakenDownContribution).values(
                    contribution_id=name, takedown_id=1, conversation_id="c", content_hash="h"
                )
            )
    assert quarantine.add([ids[2]], "hand", MODERATOR) == 0
    assert quarantine.waiting(10) == []


@pytest.mark.both
def test_what_waits_is_listed_in_pages_in_the_order_of_receipt(
    services: Services, moderation: Moderation, quarantine: Quarantine
) -> None:
    made = [make_received(day) for day in range(5)]
    commit_batch(services, *made)
    ids = [each.contribution_id for each in made]
    quarantine.add([ids[3], ids[0]], "hand", MODERATOR)
    quarantine.add([ids[0]], "scores", SCORER)
    moderation.report(ids[1], "spam", None, REPORTERS[0])
    moderation.report(ids[1], "spam", None, REPORTERS[1])
    assert quarantine.waiting(10) == [ids[0], ids[1], ids[3]]
    assert quarantine.waiting(2) == ids[:2]
    assert quarantine.waiting(2, after=ids[1]) == [ids[3]]
    assert quarantine.waiting(10, state="quarantined") == [ids[0], ids[3]]
    assert quarantine.waiting(10, state="reported") == [ids[1]]
    moderation.report(ids[2], "spam", None, REPORTERS[0])
    assert quarantine.waiting(10, min_reports=2) == [ids[0], ids[1], ids[3]]
    assert quarantine.waiting(10, state="reported", min_reports=3) == []
