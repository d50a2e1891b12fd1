"""The parts of maintenance, and what runs them on schedule."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from threading import Event
from time import monotonic

from app.background.maintenance.compaction import Compaction
from app.background.maintenance.orphans import Orphans
from app.background.maintenance.results import MaintenanceResult
from app.background.maintenance.thinning import Thinning
from app.ingest.commits.claims import Claims
from app.settings import Settings
from app.state.db import Database
from app.telemetry import metrics, traces
from app.telemetry.labels import MaintenanceOperation
from app.versions.recording import VersionRecorder
from catalog.connection import LockingCatalog
from catalog.maintenance.compaction import CompactionStopped
from catalog.maintenance.replaced import TakeOver, take_nothing_over

log = logging.getLogger(__name__)


class Maintenance:
    """Thins snapshots, compacts files and removes orphans, each in commits of its own.

    Attributes:
        thinning: Thins snapshots.
        compaction: Compacts files.
        orphans: Removes orphans.
    """

    def __init__(
        self,
        database: Database,
        claims: Claims,
        catalog: LockingCatalog,
        versions: VersionRecorder,
        settings: Settings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        take_over: TakeOver = take_nothing_over,
    ) -> None:
        """Maintain a lake.

        Args:
            database: The database of the ledger.
            claims: Tells which batch is being committed, and which data files wait for a commit.
            catalog: The catalog of the table.
            versions: Records what commits replaced, before the ledger has a snapshot of theirs.
            settings: How much is kept, for how long, and how often maintenance runs.
            clock: Returns the time.
            take_over: Keeps for new files of `replaced` what is known of those that they replace.
        """
        self.thinning = Thinning(database, claims, catalog, settings, clock)
        self.compaction = Compaction(
            database, claims, catalog, versions, settings, clock, take_over
        )
        self.orphans = Orphans(claims, catalog, settings, clock)
        self._settings = settings
        self._orphans_removed_at = float("-inf")

    def run(
        self, stop: Event, observe: Callable[[MaintenanceResult], None] = lambda _: None
    ) -> None:
        """Maintain the lake on schedule until told to stop; log each result and observe it."""
        while not stop.wait(self._settings.maintenance_interval_s):
            try:
                for result in self.step(stop):
                    log.info("%s", result)
                    observe(result)
            except CompactionStopped:
                return
            except Exception:
                # Commits and readers don't need it now; the next try starts from the newest table.
                log.exception("maintenance failed; it is tried again on schedule")

    def step(self, stop: Event) -> Iterator[MaintenanceResult]:
        """Do what is due, and yield the results of what changed something."""
        yield from _measured("thin", lambda: [self.thinning.thin(), *self.thinning.thin_stages()])
        yield from _measured("compact", lambda: self.compaction.compact_all(stop))
        if monotonic() - self._orphans_removed_at >= self._settings.orphan_interval_s:
            self._orphans_removed_at = monotonic()
            yield from _measured("remove_orphans", lambda: [self.orphans.remove()])


def _measured(
    operation: MaintenanceOperation, results: Callable[[], Iterable[MaintenanceResult]]
) -> Iterator[MaintenanceResult]:
    """Yield the results of an operation that changed something, and count them."""
    started = monotonic()
    changed = 0
    try:
        with traces.span(f"maintenance {operation}"):
            for result in results():
                changed += result.changed
                if result.changed:
                    yield result
    except CompactionStopped:
        raise
    except Exception:
        metrics.maintenance_failed(operation)
        raise
    metrics.maintained(operation, monotonic() - started, changed, datetime.now(UTC))
