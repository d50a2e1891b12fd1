"""Making snapshots no longer live: of the raw table, of the stages, and of `replaced`."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from pyiceberg.table import Table

from app.background.maintenance.results import ThinningResult
from app.ingest.commits.claims import Claims
from app.settings import Settings
from app.state import ledger, thinned_builds
from app.state.db import Database
from app.state.thinned_builds import ThinnedBuild
from app.telemetry import metrics
from catalog.connection import LockingCatalog
from catalog.maintenance.thinning import Retention, thin, thinnable
from catalog.replaced import REPLACED_IDENTIFIER
from catalog.schema import NAMESPACE
from catalog.snapshots import Snapshot
from catalog.stages.builds import source_of
from catalog.stages.tables import COMPUTED_STAGES, STAGE_IDENTIFIERS
from catalog.table import load_table


class Thinning:
    """Thins the snapshots of tables, so that commits stay fast."""

    def __init__(
        self,
        database: Database,
        claims: Claims,
        catalog: LockingCatalog,
        settings: Settings,
        clock: Callable[[], datetime],
    ) -> None:
        """Thin the tables of a lake.

        Args:
            database: The database of the ledger.
            claims: Tells which batch is being committed.
            catalog: The catalog of the tables.
            settings: How many snapshots stay live, and for how long.
            clock: Returns the time.
        """
        self._database = database
        self._claims = claims
        self._catalog = catalog
        self._settings = settings
        self._clock = clock

    def thin(self, dry_run: bool = False) -> ThinningResult:
        """Thin the snapshots of the raw table that needn't stay live and that the ledger has.

        Args:
            dry_run: Whether to change nothing, and only tell what would be done.

        Raises:
            CommitConflict: Another writer kept committing first.
        """
        table = load_table(self._catalog)
        live = len(table.metadata.snapshots)
        candidates = thinnable(table, self._retention(), self._clock())
        # After the table was loaded: a batch that is claimed later is not among its snapshots.
        claim = self._claims.open_claim()
        oldest = min((snapshot.sequence_number for snapshot in candidates), default=0)
        with self._database.read() as connection:
            recorded = ledger.recorded_since(connection, oldest)
        unneeded = [
            snapshot
            for snapshot in candidates
            if snapshot.snapshot_id in recorded
            # The committer looks for its batch in the live snapshots until it has settled it.
            and (claim is None or snapshot.batch_id != str(claim))
        ]
        if not dry_run:
            if unneeded:
                thin(table, unneeded, self._clock())
            self._thin_replaced()
        return ThinningResult(len(unneeded), live - len(unneeded))

    def thin_stages(self, dry_run: bool = False) -> Iterator[ThinningResult]:
        """Thin the snapshots of the stages' tables that needn't stay live; yield each result.

        Rows of a thinned snapshot of a stage can't be read any more, unlike those of the raw table.
        The database records what builds were thinned, so that who asks for one is told.
        Releases and maps keep those that they read by tags and holds, and who reads the newest one
        keeps its files for as long as a read may take. A build may run: it reads the newest.

        Args:
            dry_run: Whether to change nothing, and only tell what would be done.

        Raises:
            CommitConflict: Another writer kept committing first.
        """
        retention = replace(
            self._retention(), newest=self._settings.keep_stage_snapshots, hours=0, days=0
        )
        for identifier in STAGE_IDENTIFIERS:
            table = load_table(self._catalog, identifier)
            live = len(table.metadata.snapshots)
            if not live:
                continue
            unneeded = thinnable(table, retention, self._clock())
            if not dry_run and unneeded:
                # Recorded first, which readers don't notice: they look among live snapshots first.
                self._record_thinned(table, identifier, unneeded)
                thin(table, unneeded, self._clock())
            name = identifier.removeprefix(f"{NAMESPACE}.")
            metrics.stage_snapshots_are(name, live - len(unneeded))
            yield ThinningResult(len(unneeded), live - len(unneeded), name)

    def _record_thinned(
        self, table: Table, identifier: str, snapshots: Collection[Snapshot]
    ) -> None:
        """Record those of some snapshots of a table of a stage that are builds of its rows."""
        stage = next((name for name, of in COMPUTED_STAGES.items() if of.rows == identifier), None)
        if stage is None:
            return
        with self._database.write() as connection:
            builds = []
            for each in snapshots:
                source_id = source_of(table, each.snapshot_id)
                source = ledger.by_id(connection, source_id) if source_id else None
                if source is not None:
                    builds.append(
                        ThinnedBuild(
                            snapshot_id=each.snapshot_id,
                            stage=stage,
                            sequence_number=each.sequence_number,
                            source_number=source.sequence_number,
                            built_at=each.committed_at,
                        )
                    )
            thinned_builds.record(connection, builds)

    def _thin_replaced(self) -> None:
        """Thin the snapshots of the table `replaced`; its rows say of which snapshot they are."""
        table = load_table(self._catalog, REPLACED_IDENTIFIER)
        now = self._clock()
        if unneeded := thinnable(table, self._retention(), now):
            thin(table, unneeded, now)

    def _retention(self) -> Retention:
        return Retention(
            newest=self._settings.keep_snapshots,
            hours=self._settings.keep_hourly_snapshots,
            days=self._settings.keep_daily_snapshots,
            read_grace=timedelta(seconds=self._settings.read_grace_s),
            embargo=timedelta(seconds=self._settings.embargo_s),
        )
