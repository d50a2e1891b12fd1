"""How many reads of the lake a machine runs at once for one client.

Each holds a lock on one byte of a file that all workers use. The locks of a killed worker are
released.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.access.limits.bucket_table import Subject
from app.access.limits.errors import TooManyAtOnce
from app.access.limits.key_limits import AT_ONCE
from app.state.byte_locks import first_byte_of, lock_one
from app.telemetry import metrics

PLACES_FILE_NAME: Final = "reads.lock"
"""The name of the file in the service's home."""


class ClientPlaces:
    """The places of each client for reads of the lake."""

    def __init__(self, file: Path) -> None:
        """Share the places of a file with other processes.

        Args:
            file: The file whose bytes are locked. It is made when it is first needed, and stays
                empty.
        """
        self._file = file

    @contextmanager
    def holding(self, subject: Subject, maximum: int) -> Iterator[None]:
        """Hold a place of a client during the block.

        Args:
            subject: The client.
            maximum: The number of the client's places; 0 for no limit.

        Raises:
            TooManyAtOnce: All places of the client are taken.
        """
        if not maximum:
            yield
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            first = first_byte_of(":".join(subject), maximum)
            if not lock_one(file.fileno(), first, maximum):
                metrics.limited(AT_ONCE, subject.kind)
                raise TooManyAtOnce(subject, AT_ONCE, maximum)
            yield
