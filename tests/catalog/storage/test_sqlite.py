"""The settings of SQLite's connections, and the length of its log."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine

from catalog.storage.sqlite import (
    BUSY_LOG_BYTES,
    LOG_BYTES,
    RESTART_PAGES,
    checkpoint_log,
    make_sqlite_durable,
)
from tests.faults.mounts import Tmpfs

MIB = 1024 * 1024
PAGE_BYTES = 4096
NEVER_BY_COMMITS = 1_000_000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database whose log only `checkpoint_log` moves into it."""
    made = _made(tmp_path)
    yield made
    made.dispose()


def _made(folder: Path, checkpoint_pages: int = NEVER_BY_COMMITS) -> Engine:
    engine = create_engine(f"sqlite:///{folder}/test.db")
    make_sqlite_durable(engine, checkpoint_pages)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, note BLOB)"))
    return engine


def _write(engine: Engine, size_bytes: int) -> None:
    with engine.begin() as connection:
        note = {"size": size_bytes}
        connection.execute(text("REPLACE INTO notes VALUES (1, zeroblob(:size))"), note)


def _log_bytes(engine: Engine) -> int:
    return Path(f"{engine.url.database}-wal").stat().st_size


def _pragma(engine: Engine, name: str) -> object:
    with engine.connect() as opened:
        return opened.execute(text(f"PRAGMA {name}")).scalar()


@contextmanager
def _reader(engine: Engine) -> Iterator[None]:
    """Hold a read transaction within the block, which needs the database as it is now."""
    with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM notes").fetchone()
        yield


def test_connections_that_were_open_already_are_replaced(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/test.db")
    assert _pragma(engine, "journal_mode") == "delete"
    make_sqlite_durable(engine)
    assert _pragma(engine, "journal_mode") == "wal"
    engine.dispose()


def test_what_is_deleted_is_not_written_once_more(engine: Engine) -> None:
    assert _pragma(engine, "secure_delete") == 0
    _write(engine, 8 * MIB)
    checkpoint_log(engine, kept_bytes=0)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM notes"))
    assert _log_bytes(engine) < MIB


def test_other_databases_are_left_as_they_are() -> None:
    engine = create_engine("postgresql+psycopg://127.0.0.1:1/none")
    listeners = list(engine.pool.dispatch.connect)
    make_sqlite_durable(engine)
    # It would have to connect, and no server is there.
    checkpoint_log(engine)
    assert list(engine.pool.dispatch.connect) == listeners


def test_a_short_log_is_kept_to_be_written_over(engine: Engine) -> None:
    _write(engine, MIB)
    length = _log_bytes(engine)
    checkpoint_log(engine)
    _write(engine, 1)
    assert _log_bytes(engine) == length


def test_a_log_with_much_in_it_is_written_over_although_writers_never_pause(
    engine: Engine,
) -> None:
    _write(engine, (RESTART_PAGES + 100) * PAGE_BYTES)
    with ExitStack() as reading:
        reading.enter_context(_reader(engine))
        _write(engine, MIB)

        @contextmanager
        def write_lock() -> Iterator[None]:
            reading.close()
            yield

        checkpoint_log(engine, write_lock, BUSY_LOG_BYTES)
    length = _log_bytes(engine)
    _write(engine, MIB)
    assert _log_bytes(engine) == length > LOG_BYTES


def test_a_log_is_cut_when_its_space_is_needed(engine: Engine) -> None:
    _write(engine, MIB)
    checkpoint_log(engine, kept_bytes=0)
    assert _log_bytes(engine) == 0


def test_a_long_log_is_cut(engine: Engine) -> None:
    _write(engine, 2 * LOG_BYTES)
    assert _log_bytes(engine) > 2 * LOG_BYTES
    checkpoint_log(engine)
    assert _log_bytes(engine) == 0


def test_the_log_is_kept_until_its_reader_has_ended(engine: Engine) -> None:
    with _reader(engine):
        for _ in range(3):
            _write(engine, LOG_BYTES)
            checkpoint_log(engine)
        assert _log_bytes(engine) > 3 * LOG_BYTES
    checkpoint_log(engine)
    assert _log_bytes(engine) == 0


@pytest.mark.slow
def test_commits_cut_a_log_that_a_reader_has_held(tmp_path: Path) -> None:
    engine = _made(tmp_path, checkpoint_pages=100)
    with _reader(engine):
        for _ in range(3):
            _write(engine, BUSY_LOG_BYTES)
        assert _log_bytes(engine) > 3 * BUSY_LOG_BYTES
    for _ in range(3):
        _write(engine, 1)
    assert _log_bytes(engine) <= BUSY_LOG_BYTES
    engine.dispose()


def test_writers_are_kept_out_while_the_log_is_cut_and_only_then(engine: Engine) -> None:
    locked = []

    @contextmanager
    def write_lock() -> Iterator[None]:
        locked.append(_log_bytes(engine))
        yield
        locked.append(_log_bytes(engine))

    checkpoint_log(engine, write_lock)
    assert not locked
    _write(engine, 2 * LOG_BYTES)
    length = _log_bytes(engine)
    checkpoint_log(engine, write_lock)
    assert locked == [length, 0]


def test_a_log_that_has_no_place_in_the_database_stays_until_the_disk_has_space(
    tmp_path: Path,
) -> None:
    with Tmpfs(tmp_path / "disk", 64 * MIB) as disk:
        engine = _made(disk.path)
        _write(engine, 2 * LOG_BYTES)
        disk.fill()
        with pytest.raises(sqlite3.OperationalError, match="full"):
            checkpoint_log(engine)
        assert _log_bytes(engine) > 2 * LOG_BYTES
        disk.give_back()
        checkpoint_log(engine)
        assert _log_bytes(engine) == 0
        with engine.connect() as connection:
            length = connection.scalar(text("SELECT length(note) FROM notes"))
        assert length == 2 * LOG_BYTES
        engine.dispose()
