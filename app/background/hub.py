"""Taking out of the Hub what was taken out of releases, beside the committer."""

import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from app.releases.hub.errors import HubError
from app.releases.publications import HubPublications
from app.telemetry import metrics

POLL_S: Final = 5.0
"""Time between two looks for publications that hold what was taken down."""
RETRY_S: Final = 30.0
"""Time after a failure until it is tried again; twice as long after each further one."""
MAX_RETRY_S: Final = 900.0
_STOP_POLL_S: Final = 0.2

log = logging.getLogger(__name__)


class HubJob:
    """Publishes new revisions in the place of those that hold what was taken down.

    It is no step of takedowns: a Hub that is away for hours, or a token that has expired, keeps
    nothing in the lake itself.
    """

    def __init__(self, publications: HubPublications, update: Callable[[], object]) -> None:
        """Prepare without connecting to anything.

        Args:
            publications: Where releases are published.
            update: Brings outdated publications up to date. It may be cut off anywhere.
        """
        self._publications = publications
        self._update = update
        self._has_failed = False

    def run(self, stop: Event) -> None:
        """Bring publications up to date, until told to stop."""
        wait_s, retry_s = 0.0, RETRY_S
        while not stop.wait(wait_s):
            try:
                outdated = len(self._publications.outdated())
                metrics.hub_publications_are(outdated=outdated)
                if outdated:
                    self._update_until(stop)
                self._has_failed = False
                wait_s, retry_s = POLL_S, RETRY_S
            except Exception as error:  # noqa: BLE001  # logged, and tried again
                metrics.hub_update_failed()
                self._report(error)
                wait_s, retry_s = retry_s, min(2 * retry_s, MAX_RETRY_S)

    def _update_until(self, stop: Event) -> None:
        """Bring publications up to date, and return when that has ended or `stop` is set.

        An upload may take hours, and the process is to end within seconds. What was sent until then
        isn't sent again.

        Raises:
            Exception: What the update raised.
        """
        failures: list[Exception] = []

        def update() -> None:
            try:
                self._update()
            except Exception as error:  # noqa: BLE001  # raised again below
                failures.append(error)

        thread = Thread(target=update, name="hub update", daemon=True)
        thread.start()
        while thread.is_alive() and not stop.is_set():
            thread.join(_STOP_POLL_S)
        if failures:
            raise failures[0]

    def _report(self, error: Exception) -> None:
        """Log a failure, unless it follows another one: the Hub may be away for long."""
        if isinstance(error, HubError) and not self._has_failed:
            log.warning("the Hub isn't up to date; it is tried again: %s", error)
        elif not self._has_failed:
            log.error("bringing the Hub up to date failed; it is tried again", exc_info=error)
        self._has_failed = True
