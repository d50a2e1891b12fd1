import asyncio
import json

import pytest

from app.ingest.errors import MalformedBody
from app.services import Services
from tests.factories import make_submission

BODY = json.dumps(make_submission(ingest_id="mine")).encode()


def test_both_ways_make_a_submission_durable(services: Services) -> None:
    intake = services.intake
    contribution = intake.decode_plain(BODY)
    assert contribution is not None
    stored = asyncio.run(intake.store(contribution, is_awaited=False))
    assert stored.contribution_id == contribution.contribution_id
    assert intake.submit(BODY) == stored
    assert services.journal.backlog().contributions == 1


def test_what_is_not_plain_is_judged_by_submit(services: Services) -> None:
    assert services.intake.decode_plain(b"{") is None
    with pytest.raises(MalformedBody):
        services.intake.submit(b"{")
    assert services.journal.backlog().contributions == 0
