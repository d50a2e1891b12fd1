"""Releases that a running server's committer builds by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from sqlalchemy import insert

from app.state.db import Database
from app.state.models import ReleaseSchedule
from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.server import REQUEST_TIMEOUT_S, Server, eventually

OFF = {"schedule_raw": "off", "schedule_cleaned": "off", "schedule_curated": "off"}
BUILD_TIMEOUT_S = 120.0
"""The build imports its modules anew, makes maps, and shares the processors with other tests."""


def begin_schedule(server: Server, stage: str, since: datetime) -> None:
    """Have a stage's releases be on schedule since a time."""
    database = Database(server.lake.database_url)
    with database.write() as connection:
        connection.execute(
            insert(ReleaseSchedule).values(stage=stage, since=since, sequence_number=0)
        )
    database.dispose()


def published(server: Server) -> list[dict[str, Any]]:
    answer = requests.get(f"{server.url}/v1/releases", timeout=REQUEST_TIMEOUT_S)
    releases: list[dict[str, Any]] = answer.json()["releases"]
    return releases


def test_a_release_due_while_no_server_ran_is_built_by_the_next_server(
    make_server: MakeServer,
) -> None:
    before = make_server(workers=1, **OFF)
    before.start()
    assert before.submit(make_submission("When?", "Nobody knows."), wait_s=30).status_code == 200
    before.stop()
    begin_schedule(before, "raw", since=datetime.now(UTC) - timedelta(days=3))

    server = make_server(workers=1, **{**OFF, "schedule_raw": "daily"})
    server.start()

    (release,) = eventually("it is released", lambda: published(server), BUILD_TIMEOUT_S)
    assert release["name"].startswith("raw-20")
    assert release["rows"] == 1
    eventually("it is settled", lambda: f"{release['name']} is published" in server.log)
