"""How many queries a machine runs at once: each holds one of a few locked files.

The processes of all workers share the files. A lock belongs to the open file, which the query's
process holds too: a slot is free when that process is gone, and not before.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.query.sql.errors import SqlPoolFull


class Slots:
    """The slots of one machine."""

    def __init__(self, folder: Path, size: int) -> None:
        """Keep `size` slots as files in a folder, which is made when it is first needed."""
        self._folder = folder
        self._size = size

    @contextmanager
    def take(self) -> Iterator[int]:
        """Hold a slot during the block, and yield the descriptor that holds it.

        Raises:
            SqlPoolFull: All are held.
        """
        with self._lock_one() as file:
            yield file.fileno()

    def _lock_one(self) -> IO[str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in range(self._size):
            file = (self._folder / f"{number}.lock").open("a")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
            else:
                return file
        raise SqlPoolFull(self._size)
