"""Backups that are made while a real server takes submissions and commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import requests

from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.server import Server


@contextmanager
def load(server: Server) -> Iterator[list[str]]:
    """Submit without a pause in a thread, and yield the list of the ids that were answered."""
    acknowledged: list[str] = []
    stop = Event()

    def submit() -> None:
        with requests.Session() as session:
            while not stop.is_set():
                number = len(acknowledged)
                answer = session.post(
                    f"{server.url}/v1/ingest/chat", json=make_submission(f"Load {number}")
                )
                assert answer.status_code == 200, answer.text
                acknowledged.append(answer.json()["ingest_id"])

    thread = Thread(target=submit)
    thread.start()
    try:
        yield acknowledged
    finally:
        stop.set()
        thread.join()


def snapshots_with_rows(server: Server) -> dict[str, list[Any]]:
    """Return the rows of every snapshot, by its id."""
    listed = requests.get(f"{server.url}/v1/snapshots?limit=1000", timeout=30).json()
    return {
        each["snapshot_id"]: sorted(
            row["contribution_id"]
            for row in requests.get(
                f"{server.url}/v1/contributions",
                params={"snapshot_id": each["snapshot_id"], "versions": "all", "limit": 1000},
                timeout=30,
            ).json()["contributions"]
        )
        for each in listed["snapshots"]
    }


@pytest.mark.slow
def test_a_backup_under_load_has_what_was_acknowledged_before_and_every_snapshot(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server(
        workers=1, maintenance_interval_s=0.5, keep_snapshots=3, max_page_rows=1000
    )
    server.start()
    with load(server) as acknowledged:
        server.submit(make_submission(), wait_s=10)
        before = list(acknowledged)
        server.run_lake("backup", str(tmp_path / "backups"))
        # The load goes on while a second backup links what the first one has.
        server.run_lake("backup", str(tmp_path / "backups"))
        assert len(acknowledged) > len(before)
    of_first = snapshots_with_rows(server)
    server.kill_all()

    oldest, _ = sorted((tmp_path / "backups").glob("[!.]*"))
    restored = make_server("restored", workers=1, max_page_rows=1000)
    restored.run_lake("restore", str(oldest))
    restored.start()
    assert restored.submit(make_submission("The last"), wait_s=10).status_code == 200
    of_restored = snapshots_with_rows(restored)
    shared = of_first.keys() & of_restored.keys()
    assert shared
    assert all(of_first[each] == of_restored[each] for each in shared)
    newest = max(of_restored.values(), key=len)
    assert set(before) <= set(newest)
    assert len(newest) == len(set(newest))
    restored.run_lake("doctor", "--deep")
