import fcntl
import gc
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from app.state import sqlite
from app.state.db import Database
from app.state.persistent import PersistentWriter
from app.state.sqlite import LogBusy
from catalog.storage.sqlite import LOG_BYTES
from tests.app.ingest.polling import wait_until


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return made(tmp_path / "state.db")


def made(path: Path) -> Database:
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE notes (note TEXT)"))
    return database


def write_note(database: Database, note: str) -> None:
    with database.write() as connection:
        connection.execute(text("INSERT INTO notes VALUES (:note)"), {"note": note})


def notes(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(text("SELECT note FROM notes")))


def test_a_write_to_a_deleted_database_fails_rather_than_being_lost(
    database: Database, tmp_path: Path
) -> None:
    write_note(database, "kept")
    (tmp_path / "state.db").unlink()
    with pytest.raises(FileNotFoundError):
        write_note(database, "lost")


def test_a_write_goes_to_the_file_that_replaced_the_database(
    database: Database, tmp_path: Path
) -> None:
    write_note(database, "in the old one")
    other = made(tmp_path / "other.db")
    other.dispose()
    for left in tmp_path.glob("state.db-*"):
        left.unlink()
    (tmp_path / "other.db").rename(tmp_path / "state.db")
    write_note(database, "in the new one")
    assert notes(Database(f"sqlite:///{tmp_path / 'state.db'}")) == ["in the new one"]


def test_a_process_that_has_only_read_notices_a_replaced_database_too(
    database: Database, tmp_path: Path
) -> None:
    write_note(database, "in the old one")
    database.checkpoint(LOG_BYTES)
    reader = Database(f"sqlite:///{tmp_path / 'state.db'}")
    assert notes(reader) == ["in the old one"]
    other = made(tmp_path / "other.db")
    write_note(other, "in the new one")
    other.checkpoint(LOG_BYTES)
    other.dispose()
    database.dispose()
    for left in tmp_path.glob("*.db-*"):
        left.unlink()
    (tmp_path / "other.db").rename(tmp_path / "state.db")
    assert notes(reader) == ["in the new one"]
    write_note(reader, "kept")
    assert notes(Database(f"sqlite:///{tmp_path / 'state.db'}")) == ["in the new one", "kept"]


@pytest.fixture
def waited_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the locks of writers were waited for at most, in seconds."""
    waited_s: list[float] = []

    class Turn(Future[None]):
        """A turn that records how long it was waited for at most."""

        def result(self, timeout: float | None = None) -> None:
            assert timeout is not None
            waited_s.append(timeout)
            super().result(timeout)

    monkeypatch.setattr(sqlite, "WRITE_LOCK_TIMEOUT_S", 0.05)
    monkeypatch.setattr(sqlite, "Future", Turn)
    return waited_s


def test_a_checkpoint_truncates_a_long_log_and_waits_for_writers(
    database: Database, tmp_path: Path, waited_s: list[float]
) -> None:
    write_note(database, "long " * LOG_BYTES)
    with (tmp_path / "state.db.lock").open("a") as held:
        fcntl.flock(held.fileno(), fcntl.LOCK_EX)
        database.checkpoint(LOG_BYTES)
    assert len(waited_s) == 1
    assert (tmp_path / "state.db-wal").stat().st_size == 0


def test_a_writer_waits_no_longer_where_others_wait_for_one_that_hangs(
    database: Database, tmp_path: Path, waited_s: list[float]
) -> None:
    with (
        (tmp_path / "state.db.queue.lock").open("a") as queue,
        (tmp_path / "state.db.lock").open("a") as held,
    ):
        fcntl.flock(queue.fileno(), fcntl.LOCK_EX)
        fcntl.flock(held.fileno(), fcntl.LOCK_EX)
        write_note(database, "written all the same")
    assert notes(database) == ["written all the same"]
    in_queue_s, for_turn_s = waited_s
    assert for_turn_s < in_queue_s


def test_a_writer_that_waits_comes_before_one_that_has_just_written(
    database: Database, tmp_path: Path
) -> None:
    other = Database(f"sqlite:///{tmp_path / 'state.db'}")
    with ThreadPoolExecutor(1) as threads:
        with database.write() as connection:
            waiting = threads.submit(write_note, other, "waited")
            wait_until(lambda: _is_locked(tmp_path / "state.db.queue.lock"), "the other to queue")
            connection.execute(text("INSERT INTO notes VALUES ('first')"))
        write_note(database, "second")
        waiting.result()
    assert notes(database) == ["first", "waited", "second"]


def _is_locked(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_writer_that_hangs_does_not_hold_up_the_others_for_ever(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "WRITE_LOCK_TIMEOUT_S", 0.01)
    with (tmp_path / "state.db.lock").open("a") as held:
        fcntl.flock(held.fileno(), fcntl.LOCK_EX)
        write_note(database, "written all the same")
    assert notes(database) == ["written all the same"]
    wait_until(lambda: not _is_locked(tmp_path / "state.db.lock"), "the lock to be given back")


@pytest.mark.slow
def test_the_lock_files_of_a_database_that_nobody_uses_any_more_are_closed(tmp_path: Path) -> None:
    def open_files() -> list[str]:
        return [str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.exists()]

    made = Database(f"sqlite:///{tmp_path / 'unused.db'}")
    with made.write_lock():
        assert str(tmp_path / "unused.db.lock") in open_files()
    del made
    gc.collect()
    wait_until(lambda: not any("unused.db" in file for file in open_files()), "them to be closed")


def test_a_writer_that_stays_connected_notices_a_deleted_database(
    database: Database, tmp_path: Path
) -> None:
    writer = PersistentWriter(database)
    with database.write_lock(), writer.write() as connection:
        connection.execute(text("INSERT INTO notes VALUES ('kept')"))
    (tmp_path / "state.db").unlink()
    with pytest.raises(FileNotFoundError), database.write_lock(), writer.write():
        pytest.fail("what is written now would be lost")


def test_a_connected_writer_moves_to_the_file_that_replaced_the_database(
    database: Database, tmp_path: Path
) -> None:
    writer = PersistentWriter(database)
    with database.write_lock(), writer.write() as connection:
        connection.execute(text("INSERT INTO notes VALUES ('in the old one')"))
    made(tmp_path / "other.db").dispose()
    for left in tmp_path.glob("state.db-*"):
        left.unlink()
    (tmp_path / "other.db").rename(tmp_path / "state.db")
    with database.write_lock(), writer.write() as connection:
        connection.execute(text("INSERT INTO notes VALUES ('in the new one')"))
    assert notes(Database(f"sqlite:///{tmp_path / 'state.db'}")) == ["in the new one"]


def test_what_was_deleted_is_in_no_page_and_no_log_of_a_compacted_database(
    database: Database, tmp_path: Path
) -> None:
    write_note(database, "unmistakable")
    write_note(database, "kept")
    database.checkpoint(0)
    with database.write() as connection:
        connection.execute(text("DELETE FROM notes WHERE note = 'unmistakable'"))

    def traces() -> list[str]:
        # Of connections in this process, reading the files would drop the locks.
        database.dispose()
        files = tmp_path.glob("state.db*")
        return [file.name for file in files if b"unmistakable" in file.read_bytes()]

    assert traces()
    others = Database(database.url.render_as_string())
    with others.read() as connection:
        # A reader that has begun sees the old state, and doesn't keep the file from being written.
        assert connection.scalar(text("SELECT count(*) FROM notes")) == 1
    database.compact()
    assert notes(database) == ["kept"]
    others.dispose()
    assert traces() == []


def test_a_log_that_a_reader_keeps_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOG_TIMEOUT_S", 0.1)
    monkeypatch.setattr("catalog.storage.sqlite.BUSY_TIMEOUT_MS", 0)
    write_note(database, "kept")
    others = Database(database.url.render_as_string())
    with others.read() as connection:
        connection.execute(text("SELECT * FROM notes"))
        fresh = Database(database.url.render_as_string())
        with pytest.raises(LogBusy):
            fresh.compact()
    fresh.compact()
    assert notes(database) == ["kept"]
    for each in (others, fresh):
        each.dispose()
