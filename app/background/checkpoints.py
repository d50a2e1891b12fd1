"""Checkpoints: moving the logs of SQLite's databases into them, so that no submission has to."""

import logging
from threading import Event
from typing import Final

from app.state.db import Database
from catalog.connection import LockingCatalog

INTERVAL_S: Final = 0.25
"""Time between two checkpoints. A full second of submissions took 80 ms to move at once."""

log = logging.getLogger(__name__)


class Checkpoints:
    """Makes checkpoints of the journal's database and the catalog's, if they are SQLite's."""

    def __init__(self, database: Database, catalog: LockingCatalog) -> None:
        self._database = database
        self._catalog = catalog

    def run(self, stop: Event) -> None:
        """Make checkpoints, again and again, until told to stop."""
        has_failed = False
        while not stop.wait(INTERVAL_S):
            try:
                self._database.checkpoint()
                self._catalog.checkpoint()
                has_failed = False
            except Exception:
                # An outage may be long, so it is logged once. Commits would make checkpoints too.
                if not has_failed:
                    log.exception("a checkpoint failed; it is tried again")
                has_failed = True
