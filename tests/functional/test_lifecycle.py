"""Stopping, killing and starting again: what was acknowledged is never lost."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

import pytest
from gunicorn.arbiter import Arbiter
from sqlalchemy import insert, select

from app.state.db import Database
from app.state.models import IdempotencyKey
from tests.backends import Backend
from tests.factories import make_submission
from tests.functional.conftest import MakeServer
from tests.functional.load import Load, expected, landed
from tests.functional.raw_http import INGEST
from tests.functional.server import ROOT, Server, clean_environment, eventually
from tests.servers.process import free_ports

NEVER_BY_AGE_S = 3600.0
ENOUGH = 40

STOPS: dict[str, Callable[[Server], int]] = {
    "SIGTERM": lambda server: server.stop(signal.SIGTERM),
    # A terminal sends SIGINT to the workers and the committer too.
    "SIGINT": lambda server: server.press_ctrl_c(),
}

PATIENT_S = 120
IMPATIENT_S = 6
AT_ONCE: dict[str, Callable[[Server], int]] = {
    "SIGINT": lambda server: server.stop(signal.SIGINT),
    "SIGQUIT": lambda server: server.stop(signal.SIGQUIT),
    "Ctrl-C": lambda server: server.press_ctrl_c(),
    "Ctrl-C twice": lambda server: _press_ctrl_c_twice(server),  # noqa: PLW0108  # defined below
}
"""Stops that end requests which are under way."""


@pytest.fixture(scope="module")
def restless(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[Server]:
    """A server whose workers and committer are killed, and which has to recover each time."""
    home = tmp_path_factory.mktemp("restless") / "home"
    with Server(home, **backend.places()) as server:
        yield server


def _press_ctrl_c_twice(server: Server) -> int:
    os.killpg(server.session, signal.SIGINT)
    return server.press_ctrl_c()


def _sending(server: Server) -> socket.socket:
    """Return a connection on which the server waits for the rest of a submission."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    lines = ("Host: lake", "Content-Type: application/json", "Content-Length: 1000")
    connection.sendall(INGEST + "\r\n".join((*lines, "Expect: 100-continue", "", "{")).encode())
    # Until then the server may not have accepted it: a stop would reset the connection.
    assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
    return connection


def _submitted(server: Server, text: str) -> str:
    """Submit, wait for the commit, and return the snapshot id."""
    answer = server.submit(make_submission(text), wait_s=30)
    assert answer.status_code == 200, answer.text
    snapshot_id: str = answer.json()["snapshot_id"]
    return snapshot_id


@pytest.mark.both
@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS.keys())
def test_a_stop_under_load_is_clean_and_takes_everything_acknowledged_to_the_table(
    make_server: MakeServer, stop: Callable[[Server], int]
) -> None:
    # Only the stop itself makes the committer commit.
    server = make_server(commit_interval_s=NEVER_BY_AGE_S, is_forked=False)
    server.start()
    eventually("the committer leads", lambda: server.leads)
    with Load(server.url, "stop") as load:
        load.wait_for(ENOUGH)
        exit_code = stop(server)

    assert exit_code == 0, server.log
    assert "Traceback" not in server.log
    assert "leaked" not in server.log  # as DuckDB would say
    assert load.refused == 0
    assert server.pending() == 0
    in_table = landed(server.table())
    assert expected(load.acknowledged) <= in_table
    assert in_table <= expected(load.acknowledged + load.unanswered)


@pytest.mark.parametrize("stop", AT_ONCE.values(), ids=AT_ONCE.keys())
def test_a_hasty_stop_waits_for_no_request(
    make_server: MakeServer, stop: Callable[[Server], int]
) -> None:
    server = make_server(workers=1, shutdown_timeout_s=PATIENT_S)
    server.start()
    with closing(_sending(server)):
        started = monotonic()
        exit_code = stop(server)

    assert monotonic() - started < PATIENT_S / 2
    assert exit_code == 0, server.log
    assert "Traceback" not in server.log
    assert "SIGKILL" not in server.log


def test_a_graceful_stop_waits_for_a_request_but_not_for_ever(make_server: MakeServer) -> None:
    server = make_server(workers=1, shutdown_timeout_s=IMPATIENT_S, idle_timeout_s=PATIENT_S)
    server.start()
    whole = json.dumps(make_submission("slow, but whole")).encode().ljust(1000)
    with closing(_sending(server)) as slow, closing(_sending(server)):
        assert server.processes().arbiter is not None
        os.kill(server.session, signal.SIGTERM)
        eventually("the stop begins", lambda: "Handling signal: term" in server.log)
        slow.sendall(whole[1:])
        assert slow.recv(4096).startswith(b"HTTP/1.1 200 ")
        server.wait_until_gone()

    assert "Traceback" not in server.log
    assert "SIGKILL" not in server.log
    assert server.pending() == 0


@pytest.mark.parametrize("after_s", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_ctrl_c_soon_after_the_start_ends_everything(
    make_server: MakeServer, after_s: float
) -> None:
    server = make_server(workers=1, shutdown_timeout_s=PATIENT_S, is_forked=False)
    server.migrate()
    server.spawn()
    sleep(after_s)
    started = monotonic()
    server.press_ctrl_c()

    assert monotonic() - started < PATIENT_S / 2


def test_a_server_that_is_told_to_migrates_a_new_lake_before_it_starts(
    make_server: MakeServer,
) -> None:
    server = make_server(workers=1, migrate=True)
    server.start(migrate=False)
    assert server.submit(make_submission(), wait_s=30).status_code == 200
    assert server.stop() == 0


def test_a_server_does_not_start_after_a_failed_migration(make_server: MakeServer) -> None:
    server = make_server(workers=1, migrate=True)
    server.home.touch()  # a file, where the folder would be
    server.spawn()
    assert server.wait_until_ended() == 1
    assert "Error: " in server.log
    assert str(server.home) in server.log
    assert "Traceback" not in server.log
    assert "Booting worker" not in server.log


def test_a_running_server_forgets_keys_whose_entries_are_gone(restless: Server) -> None:
    _submitted(restless, "an entry that stays")
    database = Database(restless.lake.database_url)
    key = {"key": b"expired", "contribution_id": "", "entry_id": 0}
    with database.write() as connection:
        connection.execute(insert(IdempotencyKey), [key])

    def is_forgotten() -> bool:
        with database.read() as connection:
            expired = select(IdempotencyKey).where(IdempotencyKey.key == key["key"])
            return connection.execute(expired).first() is None

    eventually("the key is forgotten", is_forgotten)
    database.dispose()


@pytest.mark.both
def test_a_killed_committer_comes_back_and_goes_on(restless: Server) -> None:
    _submitted(restless, "before the committer was killed")
    killed = restless.committer()

    os.kill(killed, signal.SIGKILL)
    during = restless.submit(make_submission("while there was no committer"))
    restless.complete(without=frozenset({killed}))

    assert during.status_code == 200
    _submitted(restless, "after the committer was killed")
    assert restless.pending() == 0


def test_a_killed_worker_comes_back_while_the_others_answer(restless: Server) -> None:
    before = restless.complete()
    killed = min(before.workers)

    os.kill(killed, signal.SIGKILL)
    after = restless.complete(without=frozenset({killed}))

    assert before.workers - {killed} < after.workers
    assert after.committers == before.committers
    assert after.arbiter == before.arbiter
    _submitted(restless, "after a worker was killed")


def test_all_workers_killed_at_once_come_back(restless: Server) -> None:
    before = restless.complete()

    for pid in before.workers:
        os.kill(pid, signal.SIGKILL)
    restless.complete(without=before.workers)

    restless.wait_until_ready()
    _submitted(restless, "after all workers were killed")


@pytest.mark.both
def test_without_their_arbiter_workers_and_committer_end_and_a_new_server_takes_over(
    make_server: MakeServer,
) -> None:
    # Orphaned workers answer the connections that they have for as long as a stop may take.
    orphaned = make_server(commit_interval_s=NEVER_BY_AGE_S, shutdown_timeout_s=1)
    orphaned.start()
    with Load(orphaned.url, "orphaned") as load:
        load.wait_for(ENOUGH)
        orphaned.kill_arbiter()
        orphaned.wait_until_gone()

    successor = make_server()
    successor.start(migrate=False)
    _submitted(successor, "after")

    in_table = landed(successor.table())
    assert expected(load.acknowledged) <= in_table
    assert in_table <= expected(load.acknowledged + load.unanswered)


@pytest.mark.both
def test_of_two_servers_on_one_home_one_commits_and_the_other_takes_over(
    make_server: MakeServer,
) -> None:
    first, second = make_server(), make_server()
    first.start()
    eventually("the first leads", lambda: first.leads)
    second.start(migrate=False)
    eventually("the second would lead", lambda: "waiting to take over" in second.log)

    _submitted(first, "to the first")
    _submitted(second, "to the second")
    assert "committed batch" in first.log
    assert not second.leads
    assert "committed batch" not in second.log

    first.kill_all()
    eventually("the second leads", lambda: second.leads)
    _submitted(second, "after the first was killed")
    assert second.count(versions="all") == 3


def test_a_second_start_finds_everything_where_it_was(restless: Server) -> None:
    snapshot_id = _submitted(restless, "before the stop")
    contributions = restless.get("contributions", snapshot_id=snapshot_id).json()
    assert contributions["contributions"]
    assert restless.stop() == 0

    restless.start()

    assert restless.get("contributions", snapshot_id=snapshot_id).json() == contributions
    after = _submitted(restless, "after the second start")
    assert restless.count(snapshot_id=after) == len(contributions["contributions"]) + 1


def test_a_reload_has_new_processes_and_its_last_commit_is_not_forgotten(
    make_server: MakeServer,
) -> None:
    server = make_server(commit_interval_s=NEVER_BY_AGE_S)
    server.start()
    eventually("the committer leads", lambda: server.leads)
    before = server.complete()
    assert before.arbiter is not None
    os.kill(before.arbiter, signal.SIGHUP)
    server.complete(without=before.workers | before.committers)
    leads = "this process commits to the lake"
    eventually("the new committer leads", lambda: server.log.count(leads) == 2)
    assert server.submit(make_submission("after the reload")).status_code == 200
    assert server.stop() == 0
    assert server.table().scan().to_arrow().num_rows == 1


def _run_until_it_ends(application: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """Start a server that can't serve, and return its exit code and what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", application],
        cwd=ROOT,
        env=clean_environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_port_that_is_taken_is_an_error_and_not_shared(restless: Server, tmp_path: Path) -> None:
    home = tmp_path / "second"
    second = _run_until_it_ends("wsgi:application", home=home, port=restless.port)
    assert second.returncode != 0
    assert "Address already in use" in second.stderr


def test_an_application_that_cannot_be_loaded_is_an_error(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    home = tmp_path / "home"
    failed = _run_until_it_ends("wsgi:no_such_name", home=home, port=port, workers=1)
    assert failed.returncode == Arbiter.APP_LOAD_ERROR
    assert "no_such_name" in failed.stderr
