"""Backups that are made while a real server takes submissions and commits."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
import requests

from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.server import Server, eventually

_PAUSE_S = 0.01


@contextmanager
def load(server: Server) -> Iterator[list[str]]:
    """Submit again and again in a thread, and yield the list of the ids that were answered."""
    acknowledged: list[str] = []
    stop = Event()

    def submit() -> None:
        with requests.Session() as session:
            while not stop.wait(_PAUSE_S):
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


def snapshots_with_rows(server: Server) -> dict[str, list[str]]:
    """Return the ids of the rows of every snapshot, by the id of the snapshot."""
    listed = requests.get(f"{server.url}/v1/snapshots?limit=1000", timeout=60).json()
    return {
        each["snapshot_id"]: ids_at(server, each["snapshot_id"]) for each in listed["snapshots"]
    }


def ids_at(server: Server, snapshot_id: str) -> list[str]:
    query = {"snapshot_id": snapshot_id, "versions": "all", "fields": "contribution_id"}
    answer = requests.get(
        f"{server.url}/v1/contributions",
        params=query,
        headers={"Accept": "application/x-ndjson"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return sorted(json.loads(line)["contribution_id"] for line in answer.text.splitlines())


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
        eventually("submissions go on", lambda: len(acknowledged) > len(before))
    of_first = snapshots_with_rows(server)
    server.kill_all()

    (backup,) = (tmp_path / "backups").glob("[!.]*")
    restored = make_server("restored", workers=1)
    restored.run_lake("restore", str(backup))
    restored.start()
    assert restored.submit(make_submission("The last"), wait_s=10).status_code == 200
    of_restored = snapshots_with_rows(restored)
    shared = of_first.keys() & of_restored.keys()
    assert shared
    assert all(of_first[each] == of_restored[each] for each in shared)
    newest = max(of_restored.values(), key=len)
    assert set(before) <= set(newest)
    assert len(newest) == len(set(newest))
