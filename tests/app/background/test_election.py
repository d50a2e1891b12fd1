import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from app.background.election import is_led, leadership
from app.settings import Settings
from app.state.db import Database
from app.state.locks import Lock
from tests.app.ingest.polling import wait_until
from tests.servers.cluster import Cluster
from tests.servers.proxy import Proxy

_LEAD = """
import os
import sys
from threading import Event
from app.state.db import Database
from app.background.election import is_led, leadership
lock = Database(os.environ["URL"]).lock("committer")
with leadership(lock, Event(), lambda: None) as leads:
    print(leads, flush=True)
    sys.stdin.read()
"""

MakeLock = Callable[[], Lock]


@pytest.fixture
def make_lock(new_settings: Settings) -> Iterator[MakeLock]:
    """Makes the lock of a lake anew for each process that wants to lead."""
    database = Database(new_settings.database_url)
    yield lambda: database.lock("committer")
    database.dispose()


def _ignore() -> None:
    pass


def _leads(lock: Lock, stop: Event, led: Event, until: Event) -> bool:
    with leadership(lock, stop, _ignore) as leads:
        if leads:
            led.set()
            assert until.wait(20)
        return leads


def _assert_taken(lock: Lock) -> None:
    assert not lock.try_acquire()
    lock.close()


@pytest.mark.both
def test_the_first_process_leads(make_lock: MakeLock) -> None:
    with leadership(make_lock(), Event(), _ignore) as leads:
        assert leads


@pytest.mark.both
def test_the_next_process_leads_only_after_the_first_has_ended(make_lock: MakeLock) -> None:
    led, until = [Event(), Event()], [Event(), Event()]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(_leads, make_lock(), Event(), led[0], until[0])
        assert led[0].wait(20)
        second = pool.submit(_leads, make_lock(), Event(), led[1], until[1])
        _assert_taken(make_lock())
        assert not led[1].is_set()
        until[0].set()
        assert led[1].wait(20)
        until[1].set()
        assert first.result(20)
        assert second.result(20)


@pytest.mark.both
def test_a_process_stopped_while_waiting_does_not_lead(make_lock: MakeLock) -> None:
    stop = Event()
    with leadership(make_lock(), Event(), _ignore) as leads, ThreadPoolExecutor(1) as pool:
        assert leads
        future = pool.submit(_leads, make_lock(), stop, Event(), Event())
        stop.set()
        assert future.result(20) is False


@pytest.mark.both
def test_a_process_stopped_before_the_election_does_not_lead(make_lock: MakeLock) -> None:
    stop = Event()
    stop.set()
    with leadership(make_lock(), stop, _ignore) as leads:
        assert not leads


@pytest.mark.both
def test_an_error_of_the_leader_gives_leadership_back(make_lock: MakeLock) -> None:
    with pytest.raises(KeyError), leadership(make_lock(), Event(), _ignore):
        raise KeyError
    with leadership(make_lock(), Event(), _ignore) as leads:
        assert leads


@pytest.mark.slow
@pytest.mark.both
def test_another_process_leads_after_the_leader_is_killed(
    make_lock: MakeLock, new_settings: Settings
) -> None:
    led, until = Event(), Event()
    with subprocess.Popen(
        [sys.executable, "-c", _LEAD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "URL": new_settings.database_url},
        text=True,
    ) as leader:
        assert leader.stdout is not None
        assert leader.stdout.readline() == "True\n"
        with ThreadPoolExecutor(1) as pool:
            stop = Event()
            successor = pool.submit(_leads, make_lock(), stop, led, until)
            try:
                _assert_taken(make_lock())
                leader.kill()
                wait_until(led.is_set, "the successor to lead")
            finally:
                # The pool would wait for ever for a successor that isn't elected.
                until.set()
                stop.set()
            assert successor.result(20)


@pytest.mark.both
def test_any_process_can_tell_whether_there_is_a_leader(make_lock: MakeLock) -> None:
    assert not is_led(make_lock())
    with leadership(make_lock(), Event(), _ignore):
        assert is_led(make_lock())
        assert is_led(make_lock())
    # PostgreSQL gives a lock back shortly after its connection was closed.
    wait_until(lambda: not is_led(make_lock()), "the lock to be given back")


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[Proxy]:
    """A proxy in front of PostgreSQL."""
    with Proxy(cluster.postgres.port) as proxy:
        yield proxy


@pytest.fixture
def distant(cluster: Cluster, proxy: Proxy) -> Iterator[Database]:
    """A database that is reached through the proxy."""
    database = cluster.postgres.create_database()
    made = Database(cluster.postgres.url(database, proxy.port))
    yield made
    made.dispose()


def test_a_leader_without_connection_stops_and_another_leads(
    distant: Database, proxy: Proxy
) -> None:
    lost = Event()
    with leadership(distant.lock("committer"), Event(), lost.set) as leads:
        assert leads
        proxy.cut()
        wait_until(lost.is_set, "the leader to notice")
        with leadership(distant.lock("committer"), Event(), _ignore) as successor_leads:
            assert successor_leads


def test_an_unreachable_database_is_logged_once_and_retried(
    distant: Database, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    led, until = Event(), Event()
    proxy.close_door()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(_leads, distant.lock("committer"), Event(), led, until)
        wait_until(lambda: proxy.refused > 2, "a few attempts")
        assert len(caplog.records) == 1
        assert "can't be reached" in caplog.text
        proxy.open_door()
        wait_until(led.is_set, "the election")
        until.set()
        assert future.result(20)
