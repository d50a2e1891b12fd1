"""Removing files that nothing refers to, such as those of killed uploads."""

from collections.abc import Callable
from datetime import datetime, timedelta

from app.background.maintenance.results import OrphansResult
from app.ingest.commits.claims import Claims
from app.settings import Settings
from catalog.connection import LockingCatalog
from catalog.maintenance.orphans import Ages, Orphan, find_orphans, remove_orphans
from catalog.stages.tables import TABLE_IDENTIFIERS
from catalog.table import load_table


class Orphans:
    """Finds and removes files under the tables' locations that belong to nothing."""

    def __init__(
        self,
        claims: Claims,
        catalog: LockingCatalog,
        settings: Settings,
        clock: Callable[[], datetime],
    ) -> None:
        """Look after the files of a lake.

        Args:
            claims: Tells which batch is being committed, and which data files wait for a commit.
            catalog: The catalog of the tables.
            settings: From what age on a file may be an orphan.
            clock: Returns the time.
        """
        self._claims = claims
        self._catalog = catalog
        self._settings = settings
        self._clock = clock

    def remove(self, dry_run: bool = False) -> OrphansResult:
        """Remove the files under the tables' locations that nothing can need any more.

        Args:
            dry_run: Whether to remove nothing, and only tell what would be removed.

        Raises:
            AgeFloorTooLow: The setting `orphan_age_s` is below the minimum.
            OSError: A file can't be removed.
        """
        # Both are read before the files are listed, and the table once more after that: what is
        # settled in between is in the table then.
        claim = self._claims.open_claim()
        protected = self._claims.protected_paths()
        ages = Ages(
            floor=timedelta(seconds=self._settings.orphan_age_s),
            read_grace=timedelta(seconds=self._settings.read_grace_s),
        )
        found: list[Orphan] = []
        for identifier in TABLE_IDENTIFIERS:
            table = load_table(self._catalog, identifier)
            orphans = find_orphans(table, protected, [claim] if claim else [], ages, self._clock())
            if not dry_run:
                remove_orphans(table, orphans)
            found += orphans
        return OrphansResult(
            tuple(orphan.path for orphan in found), sum(orphan.size_bytes for orphan in found)
        )
