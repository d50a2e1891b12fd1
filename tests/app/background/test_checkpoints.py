"""The logs of SQLite's databases are kept short beside the committer."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from app.background import checkpoints
from app.services import Services
from catalog.storage.sqlite import LOG_BYTES
from tests.app.ingest.polling import wait_until

PAGE_BYTES = 4096
DATABASES = ("chatlake.db", "catalog.db")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "INTERVAL_S", 0.001)


def write(database: Path, size_bytes: int) -> Path:
    """Write to a database, and return its log."""
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("CREATE TABLE IF NOT EXISTS large (content)")
        writer.execute("DELETE FROM large")
        writer.execute("INSERT INTO large VALUES (zeroblob(?))", [size_bytes])
        writer.commit()
    return database.with_name(f"{database.name}-wal")


@pytest.fixture(autouse=True)
def _stay_connected(services: Services) -> None:
    # SQLite removes a log when nobody is connected any more.
    services.ingest.journal.backlog()
    services.catalog.list_namespaces()


def job_of(services: Services) -> checkpoints.Checkpoints:
    """Return the job of a lake on SQLite."""
    job = services.jobs.checkpoints()
    assert job
    return job


@contextmanager
def running(services: Services) -> Iterator[None]:
    """Make checkpoints within the block, in a thread."""
    stop = Event()
    thread = Thread(target=job_of(services).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_logs_that_readers_held_are_cut_once_these_have_ended(services: Services) -> None:
    logs = []
    with ExitStack() as readers:
        for name in DATABASES:
            database = services.settings.home / name
            reader = readers.enter_context(closing(sqlite3.connect(database, isolation_level=None)))
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
            logs.append(write(database, LOG_BYTES))
        assert all(log.stat().st_size > LOG_BYTES for log in logs)
    with running(services):
        wait_until(lambda: [log.stat().st_size for log in logs] == [0, 0], "the logs to be cut")


def test_a_long_log_is_kept_for_as_long_as_it_is_written(services: Services) -> None:
    database = services.settings.home / DATABASES[0]
    made = job_of(services)
    for number in range(1, 4):
        log = write(database, LOG_BYTES + number * PAGE_BYTES)
        made.make()
        assert log.stat().st_size > LOG_BYTES
    made.make()
    assert log.stat().st_size == 0


def test_a_failure_is_logged_once_and_checkpoints_go_on(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database = services.settings.home / DATABASES[0]
    log = write(database, LOG_BYTES)
    attempts: list[None] = []

    def fail(_kept_bytes: int) -> None:
        attempts.append(None)
        raise OSError

    with running(services):
        with monkeypatch.context() as broken:
            broken.setattr(services.database, "checkpoint", fail)
            wait_until(lambda: len(attempts) > 2, "some failures")
        wait_until(lambda: log.stat().st_size == 0, "the log to be cut")
    assert caplog.text.count("a checkpoint failed") == 1


@pytest.mark.both
def test_only_a_lake_on_sqlite_has_the_job(services: Services) -> None:
    assert (services.jobs.checkpoints() is not None) is services.database.is_sqlite
