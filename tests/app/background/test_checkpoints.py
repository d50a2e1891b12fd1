"""The logs of SQLite's databases are kept short beside the committer."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from app.background import checkpoints
from app.services import Services
from catalog.sqlite import LOG_BYTES
from tests.app.ingest.polling import wait_until

DATABASES = ("chatlake.db", "catalog.db")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "INTERVAL_S", 0.001)


@pytest.fixture(autouse=True)
def _stay_connected(services: Services) -> None:
    # SQLite removes a log when nobody is connected any more.
    services.journal.backlog()
    services.catalog.list_namespaces()


@contextmanager
def running(services: Services) -> Iterator[None]:
    """Make checkpoints within the block, in a thread."""
    stop = Event()
    thread = Thread(target=services.checkpoints().run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def write_long_log(database: Path) -> Path:
    """Write more to a database than its log may keep, and return the log."""
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("CREATE TABLE large AS SELECT zeroblob(?) AS content", [LOG_BYTES])
    return database.with_name(f"{database.name}-wal")


def test_logs_that_readers_held_are_cut_once_these_have_ended(services: Services) -> None:
    logs = []
    with ExitStack() as readers:
        for name in DATABASES:
            database = services.settings.home / name
            reader = readers.enter_context(closing(sqlite3.connect(database, isolation_level=None)))
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
            logs.append(write_long_log(database))
        assert all(log.stat().st_size > LOG_BYTES for log in logs)
    with running(services):
        wait_until(lambda: [log.stat().st_size for log in logs] == [0, 0], "the logs to be cut")


def test_a_failure_is_logged_once_and_checkpoints_go_on(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database = services.settings.home / DATABASES[0]
    log = write_long_log(database)
    attempts: list[None] = []

    def fail() -> None:
        attempts.append(None)
        raise OSError

    with running(services):
        with monkeypatch.context() as broken:
            broken.setattr(services.database, "checkpoint", fail)
            wait_until(lambda: len(attempts) > 2, "some failures")
        wait_until(lambda: log.stat().st_size == 0, "the log to be cut")
    assert caplog.text.count("a checkpoint failed") == 1
