from collections import Counter
from http import HTTPStatus
from pathlib import Path

import requests

from tests.factories import make_submission
from tests.functional.server import Server

LIMIT = 20
MORE = 4


def test_the_workers_of_a_server_share_the_limits(tmp_path: Path) -> None:
    with Server(tmp_path / "home", submissions_per_minute=LIMIT, workers=2) as server:
        # A new connection each time, so that both workers get some.
        statuses = Counter(
            requests.post(
                f"{server.url}/v1/ingest/chat", json=make_submission(str(number)), timeout=30
            ).status_code
            for number in range(LIMIT + MORE)
        )
        assert requests.get(f"{server.url}/v1/health/", timeout=30).ok
    # One flows in every three seconds. Workers with buckets of their own would take all.
    assert LIMIT <= statuses[HTTPStatus.OK] < LIMIT + MORE
    assert statuses.total() == statuses[HTTPStatus.OK] + statuses[HTTPStatus.TOO_MANY_REQUESTS]
