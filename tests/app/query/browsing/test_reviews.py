from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from app.query.browsing.reviews import Score
from app.query.contributions.reader import ContributionNotFound
from app.services import Services
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from tests.app.releases.factories import make_row
from tests.factories import commit_batch, make_received

MODERATOR = "moderator-1"


def test_a_moderator_reads_what_is_hidden_with_all_that_is_known_of_it(services: Services) -> None:
    made = make_received(0, "private", "words")
    commit_batch(services, made)
    services.moderation.service.report(made.contribution_id, "spam", "look", "0" * 32)
    services.moderation.service.put_into_quarantine([made.contribution_id], MODERATOR, "asked")
    (review,) = services.moderation.reviews.page(10).reviews
    assert review == services.moderation.reviews.find(UUID(made.contribution_id))
    assert review.contribution is not None
    (row,) = review.contribution.to_pylist()
    assert [turn["content"] for turn in row["conversation"]] == ["private", "words"]
    assert [(each.cause, each.reason) for each in review.causes] == [("hand", "asked")]
    assert [(each.reason, each.comment) for each in review.reports] == [("spam", "look")]
    assert [(each.action, each.actor) for each in review.log] == [("quarantine", MODERATOR)]


@pytest.mark.slow
def test_a_moderator_sees_what_scorers_say(services: Services) -> None:
    made = [make_received(day) for day in range(2)]
    commit_batch(services, *made)
    table = load_table(services.catalog, COMPUTED_STAGES["cleaned"].rows)
    scored = make_row(0, contribution_id=made[0].contribution_id)
    scored["received_at"] = made[0].received_at
    score: dict[str, Any] = {
        "scorer": "toxicity",
        "version": "1",
        "category": "insult",
        "score": 0.25,
    }
    scored["scores"] = [score]
    rows = pa.Table.from_pylist([scored], COMPUTED_STAGES["cleaned"].arrow_schema)
    if "scores" not in rows.column_names:
        rows = rows.append_column("scores", pa.array([[score]]))
    with table.update_schema() as update:
        update.union_by_name(rows.schema)
    table.append(rows)
    ids = [each.contribution_id for each in made]
    services.moderation.service.put_into_quarantine(ids, MODERATOR, None)
    first, second = services.moderation.reviews.page(10).reviews
    assert (first.scores, second.scores) == ([Score(**score)], ())
    # An id whose time is beyond the calendar.
    with pytest.raises(ContributionNotFound):
        services.moderation.reviews.find(UUID(int=2**128 - 1))


def test_what_was_taken_down_is_shown_to_no_moderator(services: Services) -> None:
    made = make_received(0, "private", "words")
    commit_batch(services, made)
    services.moderation.service.put_into_quarantine([made.contribution_id], MODERATOR, None)
    with services.database.write() as connection:
        services.access.hidden.hide(connection, [made.contribution_id], "takedown")
    with pytest.raises(ContributionNotFound):
        services.moderation.reviews.find(UUID(made.contribution_id))


@pytest.mark.slow
def test_pages_follow_each_other(services: Services) -> None:
    made = [make_received(day) for day in range(3)]
    commit_batch(services, *made)
    ids = [each.contribution_id for each in made]
    services.moderation.service.put_into_quarantine(ids, MODERATOR, None)
    page = services.moderation.reviews.page(2)
    assert [each.contribution_id for each in page.reviews] == ids[:2]
    assert page.last_id == ids[1]
    page = services.moderation.reviews.page(2, page.last_id)
    assert [each.contribution_id for each in page.reviews] == ids[2:]
    assert page.last_id is None
