"""Limits on how many queries run at once, on one machine and for one client.

A query locks one byte of a file for its slot, and another byte for one of the places of its client.
All workers of a machine use the same file. The query's process holds the locks too, so they are
released when that process is gone and not before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.query.sql.errors import SqlClientBusy, SqlPoolFull
from app.state.byte_locks import first_byte_of, lock_one

LOCK_FILE_NAME: Final = "sql.lock"
"""The name of the file in the service's home."""


class Slots:
    """The slots of one machine, of which each running query holds one."""

    def __init__(self, file: Path, size: int, per_client: int) -> None:
        """Share the slots of a file with other processes.

        Args:
            file: The file whose bytes are locked. It is made when it is first needed, and stays
                empty.
            size: The number of slots.
            per_client: The number of slots that one client may hold.
        """
        self._file = file
        self._size = size
        self._per_client = per_client

    @contextmanager
    def take(self, client: str) -> Iterator[int]:
        """Hold a slot during the block, and yield the file descriptor that holds the locks.

        Args:
            client: The name of the client.

        Raises:
            SqlClientBusy: The client holds all slots that it may.
            SqlPoolFull: No slot is free.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            first = first_byte_of(client, self._per_client)
            if not lock_one(file.fileno(), first, self._per_client):
                raise SqlClientBusy(self._per_client)
            if not lock_one(file.fileno(), 0, self._size):
                raise SqlPoolFull(self._size)
            yield file.fileno()
