"""Checkpoints: moving the logs of SQLite's databases into them, so that no submission has to."""

import logging
from collections.abc import Sequence
from threading import Event
from typing import Final

from app.state.db import Database
from catalog.connection import LockingCatalog
from catalog.storage.sqlite import BUSY_LOG_BYTES, LOG_BYTES

INTERVAL_S: Final = 0.25
"""Time between two checkpoints. A full second of submissions took 80 ms to move at once."""

log = logging.getLogger(__name__)


class Checkpoints:
    """Makes checkpoints of databases of SQLite."""

    def __init__(self, databases: Sequence[Database | LockingCatalog]) -> None:
        """Prepare to make checkpoints.

        Args:
            databases: The databases, such as the journal's and the catalog's.
        """
        # How many pages each log had after its last checkpoint; None before it.
        self._pages: dict[Database | LockingCatalog, int | None] = dict.fromkeys(databases)

    def make(self) -> None:
        """Make one checkpoint of each database, and give back the space of logs that are idle."""
        for database, known_pages in self._pages.items():
            pages = database.checkpoint(BUSY_LOG_BYTES)
            if pages == known_pages:
                # Nothing was written since.
                pages = database.checkpoint(LOG_BYTES)
            self._pages[database] = pages

    def run(self, stop: Event) -> None:
        """Make checkpoints, again and again, until told to stop."""
        has_failed = False
        while not stop.wait(INTERVAL_S):
            try:
                self.make()
                has_failed = False
            except Exception:
                # An outage may be long, so it is logged once. Without this thread, commits make
                # checkpoints when the log is long.
                if not has_failed:
                    log.exception("a checkpoint failed; it is tried again")
                has_failed = True
