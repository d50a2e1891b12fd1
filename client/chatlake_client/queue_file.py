"""The SQLite files of a queue of submissions."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from chatlake_client.errors import QueueError

BUSY_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.05


@contextmanager
def queue_errors(path: Path | None) -> Iterator[None]:
    """Raise errors of SQLite and of the file system as `QueueError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise QueueError(path, str(error)) from error


def open_queue_file(path: Path | None) -> sqlite3.Connection:
    """Open a database that any thread may use, and only its owner may read."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            # Never one that is there: closing it would end the locks that this process has on it.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    return sqlite3.connect(
        ":memory:" if path is None else path,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )


def switch_to_wal(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on.

    When several processes do so together, all but one fail at once, despite the busy timeout.
    """
    deadline_s = monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline_s:
                raise
            sleep(_POLL_S)
        else:
            return
