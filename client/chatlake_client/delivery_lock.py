"""The lock of the process that delivers what a queue holds."""

import sqlite3
from pathlib import Path

from chatlake_client.queue_file import open_queue_file, queue_errors


class DeliveryLock:
    """Lets one process at a time deliver what a queue holds.

    So versions of one conversation arrive in their order. The lock is a transaction that is kept
    open on a second SQLite file: it works on every system, and ends with its process however that
    ends.

    Args:
        path: The queue's file; None for a queue in memory, which has no second process.
    """

    def __init__(self, path: Path | None) -> None:
        beside = None if path is None else path.with_name(f"{path.name}-delivery")
        with queue_errors(beside):
            self._connection = open_queue_file(beside)
            self._connection.execute("PRAGMA busy_timeout = 0")

    def acquire(self) -> bool:
        """Take the lock if nobody has it; return whether it was taken."""
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                return False
            raise
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
