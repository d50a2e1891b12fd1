import asyncio
import json

import pytest

from app.ingest.errors import MalformedBody
from app.ingest.intake import Intake, Receipt
from app.services import Services
from tests.factories import make_submission

BODY = json.dumps(make_submission(ingest_id="mine")).encode()


async def _store_soon(intake: Intake) -> Receipt | BaseException:
    loop = asyncio.get_running_loop()
    settled: asyncio.Future[Receipt | BaseException] = loop.create_future()
    decoded = intake.decode_plain(BODY)
    assert decoded is not None
    intake.store_soon(decoded, settled.set_result, loop)
    return await settled


def test_all_ways_make_a_submission_durable(services: Services) -> None:
    intake = services.ingest.intake
    decoded = intake.decode_plain(BODY)
    assert decoded is not None
    stored = asyncio.run(intake.store(decoded, is_awaited=False))
    assert stored.contribution_id == decoded.contribution.contribution_id
    assert intake.submit(BODY) == stored
    assert asyncio.run(_store_soon(intake)) == stored
    assert services.ingest.journal.backlog().contributions == 1


def test_what_is_not_plain_is_judged_by_submit(services: Services) -> None:
    assert services.ingest.intake.decode_plain(b"{") is None
    with pytest.raises(MalformedBody):
        services.ingest.intake.submit(b"{")
    assert services.ingest.journal.backlog().contributions == 0
