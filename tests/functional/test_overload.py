"""More clients with large bodies than the service can hold: it refuses, and stays small."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import requests

from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.processes import memory_bytes, peak_memory_bytes
from tests.functional.server import REQUEST_TIMEOUT_S, Server, eventually

CLIENTS: Final = 48
BODIES_OF_EACH: Final = 2
MAX_WORKER_BYTES: Final = 512 * 1024 * 1024
MAX_KEPT_BYTES: Final = 100 * 1024 * 1024
"""What may be left of it when the bodies are gone; of kept memory it is over 200 MiB."""


def test_a_worker_stays_small_while_more_large_bodies_come_than_it_holds_and_gives_them_back(
    make_server: MakeServer,
) -> None:
    server = make_server(workers=1, is_forked=False)
    server.start()
    (worker,) = server.complete().workers
    idle_bytes = memory_bytes(worker)
    body = json.dumps(make_submission("A conversation of eight megabytes. " * 240_000)).encode()

    def submit(_: int) -> list[int]:
        return [_submit(server, body) for _ in range(BODIES_OF_EACH)]

    def probe() -> int:
        return server.get("health/").status_code

    with ThreadPoolExecutor(CLIENTS) as clients, ThreadPoolExecutor(1) as prober:
        submitting = clients.map(submit, range(CLIENTS))
        health = [prober.submit(probe) for _ in range(20)]
        statuses = Counter(status for of_each in submitting for status in of_each)

    assert {each.result() for each in health} == {200}
    assert statuses[200]
    assert statuses[429]
    assert statuses.keys() == {200, 429}
    assert peak_memory_bytes(worker) < MAX_WORKER_BYTES
    assert memory_bytes(worker) - idle_bytes < MAX_KEPT_BYTES
    eventually("what was acknowledged is visible", lambda: server.count() == statuses[200])


def _submit(server: Server, body: bytes) -> int:
    # A client that is refused while it sends gets its answer too.
    return requests.post(
        f"{server.url}/v1/ingest/chat",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=2 * REQUEST_TIMEOUT_S,
    ).status_code
