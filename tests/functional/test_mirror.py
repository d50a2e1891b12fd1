"""A copy of the lake is kept with GET /v1/changes while the lake is written and maintained."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event
from typing import Any

import pytest
import requests

from tests.factories import UNGUESSABLE, make_submission
from tests.functional.conftest import MakeServer
from tests.functional.server import REQUEST_TIMEOUT_S, Server, eventually

pytestmark = pytest.mark.both

SUBMISSIONS = 72
PER_COMMIT = 6
CHATS = 12
POLL_INTERVAL_S = 0.1
COMMITTED_WITHIN_S = 180
NDJSON = "application/x-ndjson"
TEXT_CHARACTERS = 2_000
Rows = dict[str, dict[str, Any]]


class Mirror:
    """Keeps what it reads, and asks again with the last cursor after it was cut off."""

    def __init__(self, url: str, random: Random) -> None:
        self.url = url
        self.random = random
        self.lines = 0
        self.cuts = 0
        self.rows: Rows = {}
        self.cursor: dict[str, str] = {}

    def poll(self, *, cut: bool) -> bool:
        """Read a page, or hang up in the middle of it, and tell whether there is more."""
        parameters = {"limit": str(self.random.randint(5, 50)), **self.cursor}
        with requests.get(
            f"{self.url}/v1/changes",
            params=parameters,
            headers={"Accept": NDJSON},
            timeout=REQUEST_TIMEOUT_S,
            stream=True,
        ) as response:
            assert response.status_code == 200, response.text
            for number, line in enumerate(response.iter_lines(chunk_size=512)):
                if cut and number == 2:
                    self.cuts += 1
                    return True
                self._keep(json.loads(line))
        # A lake without a snapshot has no cursor yet.
        if "Chatlake-Cursor" in response.headers:
            self.cursor = {"cursor": response.headers["Chatlake-Cursor"]}
        return "next" in response.links

    def _keep(self, row: dict[str, Any]) -> None:
        self.lines += 1
        self.rows[row["contribution_id"]] = row

    def follow(self, done: Event) -> None:
        """Poll until the lake is at rest and everything is read."""
        more, at_rest = True, False
        # The last poll is one that began when the lake was at rest.
        while more or not at_rest:
            at_rest = done.is_set()
            more = self.poll(cut=not at_rest and self.random.random() < 0.3)
            if not more:
                done.wait(POLL_INTERVAL_S)


def submissions() -> Iterator[dict[str, Any]]:
    """Yield conversations, most of them versions of others."""
    for number in range(SUBMISSIONS):
        named = {} if number % 5 == 0 else {"ingest_id": f"chat-{number % CHATS}"}
        yield make_submission(
            f"{number} ".ljust(TEXT_CHARACTERS, "x"), submitter_id=UNGUESSABLE, **named
        )


def everything(server: Server) -> Rows:
    """Return every version of every contribution, read at once."""
    answer = requests.get(
        f"{server.url}/v1/contributions",
        params={"versions": "all"},
        headers={"Accept": NDJSON},
        timeout=REQUEST_TIMEOUT_S,
    )
    rows = map(json.loads, answer.iter_lines())
    return {row["contribution_id"]: row for row in rows}


def maintained(server: Server) -> bool:
    """Tell whether snapshots were thinned and files compacted since it was started."""
    listed = server.get("snapshots", limit=1_000).json()["snapshots"]
    live = server.table().metadata.snapshots
    return any(each["operation"] == "replace" for each in listed) and len(live) < len(listed)


def test_a_mirror_that_is_cut_off_while_the_lake_is_written_and_maintained_has_every_row(
    make_server: MakeServer,
) -> None:
    random = Random(4)  # noqa: S311  # where it hangs up, not a secret
    server = make_server(
        commit_interval_s=0.05,
        commit_max_rows=PER_COMMIT,
        maintenance_interval_s=0.3,
        keep_snapshots=2,
        keep_hourly_snapshots=0,
        keep_daily_snapshots=0,
        read_grace_s=60,
        compact_open_day_files=4,
    )
    server.start()
    mirror, done = Mirror(server.url, random), Event()
    with ThreadPoolExecutor(1) as threads:
        following = threads.submit(mirror.follow, done)
        try:
            for submission in submissions():
                assert server.submit(submission).status_code == 200
            eventually("all is committed", lambda: server.pending() == 0, COMMITTED_WITHIN_S)
            eventually("the lake was maintained meanwhile", lambda: maintained(server))
        finally:
            done.set()
        following.result()
    lake = everything(server)
    assert len(lake) == SUBMISSIONS
    assert mirror.rows == lake
    assert mirror.cuts > 0
    assert mirror.lines > SUBMISSIONS
