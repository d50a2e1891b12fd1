"""Settings and checkpoints of SQLite, so that it loses nothing and its log, the WAL, stays short.

The log grows while a reader needs an old state, and its file keeps its greatest length, which is
space that a full disk lacks. See
https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files
"""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS: Final = 30_000
LOG_BYTES: Final = 4 * 1024 * 1024
"""Length up to which a log is kept, since overwriting it is faster than growing it again."""
BUSY_LOG_BYTES: Final = 64 * 1024 * 1024
"""The same while much is written. Syncing a file that has grown may wait 80 ms for other files."""
RESTART_PAGES: Final = 1_000
"""Content of a log, in pages, from which a checkpoint has it written from its beginning again."""
CHECKPOINT_PAGES: Final = 1_000
"""Length of the log, in pages, at which a commit makes a checkpoint and waits for it."""


def make_sqlite_durable(
    engine: Engine,
    checkpoint_pages: int = CHECKPOINT_PAGES,
    synchronous: Literal["FULL", "NORMAL"] = "FULL",
) -> None:
    """Make SQLite sync every commit. Engines of other databases are left as they are.

    In its default journal mode, SQLite can lose the last commit in a power cut, since it doesn't
    sync the folder after it deletes the rollback journal. WAL with synchronous=FULL loses nothing:
    https://www.sqlite.org/pragma.html#pragma_synchronous

    Args:
        engine: Engine of the database.
        checkpoint_pages: Length of the log, in pages, at which a commit makes a checkpoint.
        synchronous: NORMAL syncs checkpoints alone, for what can be computed again: a power cut
            takes the newest commits, and leaves the database whole.
    """
    if engine.dialect.name != "sqlite":
        return

    def set_pragmas(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        # Debian's SQLite overwrites what is deleted unless it is told otherwise. Each payload was
        # written once more for that, while submissions waited.
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
        connection.execute(f"PRAGMA journal_size_limit = {BUSY_LOG_BYTES}")

    event.listen(engine, "connect", set_pragmas)
    # Connections that were opened before don't have these settings.
    engine.dispose()


def checkpoint_log(
    engine: Engine,
    write_lock: Callable[[], AbstractContextManager[None]] = nullcontext,
    kept_bytes: int = LOG_BYTES,
) -> int:
    """Move the log of a SQLite database into the database, and bound its length.

    Pages that a reader still needs stay in the log. Other databases are left as they are.

    Args:
        engine: Engine of the database.
        write_lock: Returns the lock of the database's writers, held while the log is restarted or
            truncated.
        kept_bytes: Length of the log's file above which it is truncated.

    Returns:
        How many pages the log had, including those that had been moved before; 0 without a log.

    Raises:
        sqlite3.OperationalError: The disk is full or fails; the next checkpoint moves what is left.
    """
    if engine.dialect.name != "sqlite":
        return 0
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        # Waiting for readers would keep writers waiting for as long.
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            # Moves most pages without the lock, so that it is held only briefly afterwards.
            _, pages, _ = cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            is_long = _log_bytes(engine) > kept_bytes
            if is_long or pages > RESTART_PAGES:
                with write_lock():
                    cursor.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if is_long else 'RESTART'})")
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return int(pages)


def _log_bytes(engine: Engine) -> int:
    with suppress(FileNotFoundError):
        return Path(f"{engine.url.database}-wal").stat().st_size
    return 0
