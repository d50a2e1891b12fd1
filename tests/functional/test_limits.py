"""Limits on the real server, whose workers share them, and on two nodes of one lake."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from time import sleep
from typing import Any

import pytest
import requests

from app.access.limits.bucket_table import Subject
from app.access.limits.places import PLACES_FILE_NAME, ClientPlaces
from tests.factories import make_submission
from tests.functional.server import REQUEST_TIMEOUT_S, Server, eventually
from tests.servers.cluster import Cluster

LIMIT = 20
MORE = 4
QUOTA = 200
ADA = "0a4ea3d3-a0f1-4d1f-8f5b-a40e4d2b7d3e"
SELF = Subject("address", "127.0.0.1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose two workers limit addresses, keys and contributors."""
    limits: dict[str, Any] = {
        "reads_per_minute": 1,
        "key_submissions_per_minute": 1,
        "contributor_submissions_per_minute": 1,
        "limit_burst_s": 60 * LIMIT,
        "reads_at_once": 1,
    }
    with Server(tmp_path_factory.mktemp("limited") / "home", workers=2, **limits) as made:
        made.complete()
        yield made


def submit(server: Server, **options: object) -> requests.Response:
    """Submit on a connection of its own, which any worker may get."""
    number = options.pop("number", 0)
    headers = options.pop("headers", {})
    return requests.post(
        f"{server.url}/v1/ingest/chat",
        json=make_submission(str(number), **options),
        headers=headers,  # type: ignore[arg-type]
        timeout=REQUEST_TIMEOUT_S,
    )


def check_limit(statuses: Counter[int]) -> None:
    """Check that about `LIMIT` requests were answered, and all others refused.

    One flows in every minute. Workers with buckets of their own would answer all.
    """
    assert LIMIT <= statuses[HTTPStatus.OK] < LIMIT + MORE
    assert statuses.total() == statuses[HTTPStatus.OK] + statuses[HTTPStatus.TOO_MANY_REQUESTS]


def test_workers_share_the_limit_of_an_address(server: Server) -> None:
    check_limit(Counter(server.get("releases").status_code for _ in range(LIMIT + MORE)))
    assert server.get("health/").ok


def test_workers_share_the_limit_of_a_key(server: Server) -> None:
    key = server.run_lake("key", "create", "importer", "--role", "ingest").strip()
    headers = {"Authorization": f"Bearer {key}"}
    check_limit(
        Counter(
            submit(server, headers=headers, number=number).status_code
            for number in range(LIMIT + MORE)
        )
    )

    def are_taken() -> bool:
        return all(submit(server, headers=headers).ok for _ in range(MORE))

    assert not are_taken()
    shown = server.run_lake("key", "limit", "importer", "submissions_per_minute=0")
    assert shown == "importer\tsubmissions_per_minute=0\n"
    eventually("every worker to know the key's own limit", are_taken)


def test_workers_share_the_limit_of_a_contributor(server: Server) -> None:
    check_limit(
        Counter(
            submit(server, submitter_id=ADA, number=number).status_code
            for number in range(LIMIT + MORE)
        )
    )
    assert submit(server).ok


def test_workers_share_the_places_of_a_client_for_reads(server: Server) -> None:
    places = ClientPlaces(server.home / PLACES_FILE_NAME)
    with places.holding(SELF, 1):
        statuses = [server.get("contributions/count").status_code for _ in range(8)]
    assert set(statuses) == {HTTPStatus.TOO_MANY_REQUESTS}
    assert server.get("contributions/count").ok


@pytest.fixture
def nodes(tmp_path: Path, cluster: Cluster) -> Iterator[tuple[Server, Server]]:
    """Two nodes of one lake, which allow an address and a key so many rows in a day."""
    places = cluster.places()
    first, second = (
        Server(tmp_path / name, workers=1, rows_per_day=QUOTA, **places) for name in ("one", "two")
    )
    try:
        first.migrate()
        with ThreadPoolExecutor(2) as pool:
            for started in [pool.submit(node.start, migrate=False) for node in (first, second)]:
                started.result()
        yield first, second
    finally:
        first.kill_all()
        second.kill_all()


def upload(node: Server, rows: int) -> requests.Response:
    return requests.post(
        f"{node.url}/v1/ingest/chats",
        data="\n".join(json.dumps(make_submission(f"row {number}")) for number in range(rows)),
        headers={"Content-Type": "application/x-ndjson"},
        timeout=REQUEST_TIMEOUT_S,
    )


def taken_until_refused(node: Server) -> int:
    """Return how many submissions a node takes before it refuses one."""
    for number in range(QUOTA):
        answer = submit(node, number=number)
        if not answer.ok:
            assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
            assert f"rows_per_day = {QUOTA}" in answer.json()["message"]
            return number
        # Nodes tell each other once a second.
        sleep(0.05)
    return QUOTA


def test_nodes_share_a_quota_which_outlives_them(nodes: tuple[Server, Server]) -> None:
    first, second = nodes
    assert upload(first, QUOTA).ok
    assert upload(first, 1).status_code == HTTPStatus.TOO_MANY_REQUESTS
    # The first node has told before the second one asks for anything.
    eventually("the first node to tell", lambda: _is_shared(first))
    assert taken_until_refused(second) < QUOTA
    first.stop()
    first.start(migrate=False)
    assert taken_until_refused(first) < QUOTA


def _is_shared(node: Server) -> bool:
    return node._contributions("SELECT count(*) FROM shared_buckets") > 0
