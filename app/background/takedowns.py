"""Erasing what was taken down, soon after it is recorded, beside the committer."""

import logging
from threading import Event
from typing import Final

from app.access.takedowns.register import Takedowns
from app.takedown.errors import TakedownStopped
from app.takedown.service import TakedownService
from app.telemetry import metrics

POLL_S: Final = 1.0
"""Time between two looks for takedowns that aren't erased."""
RETRY_S: Final = 5.0
"""Time after a failure until erasing is tried again; twice as long after each further one."""
MAX_RETRY_S: Final = 60.0
"""The longest such time. Each try writes the database anew, for which submissions wait."""

log = logging.getLogger(__name__)


class TakedownJob:
    """Runs unfinished takedowns, whichever process recorded them; also what a crash cut off."""

    def __init__(self, takedowns: Takedowns, service: TakedownService) -> None:
        self._takedowns = takedowns
        self._service = service

    def run(self, stop: Event) -> None:
        """Erase what is taken down, until told to stop."""
        has_failed = False
        wait_s, retry_s = 0.0, RETRY_S
        while not stop.wait(wait_s):
            wait_s = POLL_S
            try:
                unfinished = len(self._takedowns.unfinished())
                metrics.takedowns_are(unfinished)
                if unfinished:
                    self._service.run(stop)
                has_failed, retry_s = False, RETRY_S
            except TakedownStopped:
                return
            except Exception:
                # Each step may be repeated. An outage may be long, so it is logged once.
                if not has_failed:
                    log.exception("erasing failed; it is tried again")
                has_failed = True
                metrics.erasure_failed()
                wait_s, retry_s = retry_s, min(2 * retry_s, MAX_RETRY_S)
