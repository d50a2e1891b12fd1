"""What SQLite needs so that it loses nothing, and so that its log, the WAL, doesn't stay long.

The log grows while a reader needs an old state, and its file keeps the size that it once had: a
disk that is full lacks that space. See https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files
"""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS: Final = 30_000
LOG_BYTES: Final = 4 * 1024 * 1024
"""Length of a log that is kept: writing over it is quicker than letting it grow again."""
CHECKPOINT_PAGES: Final = 1_000
"""Length of the log at which a commit also makes a checkpoint, and waits for it."""

log = logging.getLogger(__name__)


def make_sqlite_durable(engine: Engine, checkpoint_pages: int = CHECKPOINT_PAGES) -> None:
    """Have SQLite sync every commit; other databases are left as they are.

    In its default journal mode SQLite can lose the last commit in a power cut, since it doesn't
    sync the folder after it deletes the rollback journal. WAL with synchronous=FULL doesn't:
    https://www.sqlite.org/pragma.html#pragma_synchronous

    Args:
        engine: The database.
        checkpoint_pages: Length of the log at which a commit also makes a checkpoint.
    """
    if engine.dialect.name != "sqlite":
        return

    def set_pragmas(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")

    event.listen(engine, "connect", set_pragmas)
    # The connections that were opened before the listener know nothing of it.
    engine.dispose()


def checkpoint(
    engine: Engine, write_lock: Callable[[], AbstractContextManager[None]] = nullcontext
) -> None:
    """Move the log of a SQLite database into the database, and cut it when it is long.

    What readers still need stays in the log, and so does what can't be moved because the disk is
    full or ill: the next checkpoint moves it. Other databases are left as they are.

    Args:
        engine: The database.
        write_lock: Held while the log is cut: what the database's writers hold.
    """
    if engine.dialect.name != "sqlite":
        return
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        # Readers are not waited for: writers would wait as long.
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            # Without the lock, and so that little is left to be moved with it.
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
            if _log_bytes(engine) > LOG_BYTES:
                with write_lock():
                    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as error:
            log.warning("the log of a database stays as it is: %s", error)
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _log_bytes(engine: Engine) -> int:
    with suppress(FileNotFoundError):
        return Path(f"{engine.url.database}-wal").stat().st_size
    return 0
