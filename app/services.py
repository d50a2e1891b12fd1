"""The parts of the service, made from its settings; each process makes its own."""

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast
from uuid import UUID

import pyarrow as pa
from flask import Flask, current_app
from pyiceberg.table import Table

from app.curation.explain import Fate, look_up
from app.curation.suppressions import Suppressions
from app.db import Database
from app.iceberg.access import file_access
from app.iceberg.catalog import PublishedCatalog
from app.ingest.backpressure import Backpressure
from app.ingest.bulk import BulkIntake
from app.ingest.committer import Committer
from app.ingest.expiry import Expiry
from app.ingest.intake import Intake
from app.ingest.journal import Journal
from app.ingest.strict_json import Limits
from app.ingest.uploads import Uploads
from app.ingest.waiting import WaitingRoom
from app.maintenance import Maintenance
from app.query.changes import Changes, Position, read_changes
from app.query.contributions import Contributions
from app.query.diff import Diff, compare, find_diff
from app.query.duck import Duck
from app.query.lineage import Lineage
from app.query.reference import Reference, SnapshotView, name_snapshot, resolve
from app.query.sql.queries import SqlQueries
from app.query.stats import Statistics
from app.query.versions import NO_IDS, Versions
from app.releases.schedule import Run, Scheduler
from app.releases.service import Releases
from app.settings import Settings
from catalog.connection import TurnTakingCatalog, open_catalog
from catalog.snapshots import Snapshot
from catalog.table import load_table

if TYPE_CHECKING:
    from app.curation.stages import Stages

_EXTENSION: Final = "chatlake"


class Services:
    """What the edges call.

    Making it connects to nothing: the catalog is opened when it is first needed, which is after
    the fork of the process that needs it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url)
        self.journal = Journal(self.database)
        limits = Limits(
            settings.max_turns,
            settings.max_nesting,
            settings.max_object_keys,
            settings.max_brackets,
        )
        backpressure = Backpressure(self.journal, settings.max_journal_bytes)
        self.intake = Intake(self.journal, limits, backpressure)
        self.bulk_intake = BulkIntake(
            Uploads(self.database, timedelta(seconds=settings.idempotency_window_s)),
            lambda: load_table(self.catalog),
            backpressure,
            limits,
            max_line_bytes=settings.max_body_bytes,
            max_rejected=settings.max_rejected_lines,
        )
        self.waiting_room = WaitingRoom(self.journal, settings.max_waiting)
        self._versions = Versions(settings.query_memory_mib)
        self.contributions = Contributions(self._versions, settings.max_page_bytes)
        self.lineage = Lineage(self.database, self.contributions, self._versions)
        self._duck = Duck(settings.query_memory_mib)
        self.statistics = Statistics(self._versions, self._duck, settings.max_groups)
        self.published = PublishedCatalog(lambda: self.catalog, file_access(settings))
        self.sql = SqlQueries(settings, self._versions)
        self.suppressions = Suppressions(self.database)
        self.releases = Releases(
            self.database,
            lambda: self.catalog,
            settings,
            stages=self.stages,
            left_out=self.suppressions.left_out,
            duck=self._duck.connection,
        )

    @cached_property
    def catalog(self) -> TurnTakingCatalog:
        """The Iceberg catalog."""
        return open_catalog(
            self.settings.catalog_uri, self.settings.warehouse, **self.settings.catalog_properties
        )

    def close(self) -> None:
        """Close the connections of this process, and end the processes that it started."""
        self._versions.close()
        self.sql.close()
        self.journal.close()
        self.database.dispose()
        if "catalog" in vars(self):
            self.catalog.engine.dispose()

    def view(self, reference: Reference) -> SnapshotView:
        """Return the lake at the moment that a reference names."""
        return resolve(self.database, self.catalog, reference)

    def snapshot(self, reference: Reference) -> Snapshot:
        """Return what the ledger keeps of the snapshot that a reference names."""
        return name_snapshot(self.database, self.catalog, reference)

    def diff(self, before: Reference, after: Reference, max_rows: int | None) -> Diff:
        """Return what became of the lake from one moment to another."""
        compared = compare(self.database, self.catalog, before, after)
        return find_diff(self._duck, self.database, compared, max_rows)

    def changes(self, reference: Reference, after: Position, limit: int) -> Changes:
        """Return what was added to the lake after a position, up to a moment."""
        return read_changes(self.view(reference), after, limit, self.settings.max_page_bytes)

    def stages(self) -> "Stages":
        """Return what builds the stages, in a process that is made for it."""
        # Daft and what it brings take 30 MB and threads, which no request needs.
        from app.curation.rules import RULES  # noqa: PLC0415
        from app.curation.stages import Stages  # noqa: PLC0415

        return Stages(
            self.database, self.catalog, RULES, self.superseded, self.settings.ray_address
        )

    def suppressed(self, view: SnapshotView) -> pa.Array:
        """Return the contribution_ids of a view that are suppressed now, ascending.

        Those that are suppressed by themselves may not be in the view.
        """
        return self.suppressions.left_out(view.table, view.snapshot) if view.snapshot else NO_IDS

    def fate(self, view: SnapshotView, contribution_id: UUID) -> Fate:
        """Return what became of a contribution of a view in the newest builds of the stages.

        Raises:
            ContributionNotFound: The view doesn't have it.
        """
        columns = ["received_at", "submitter_id"]
        (row,) = self.contributions.get(view, contribution_id, columns).to_pylist()
        name = str(contribution_id)
        return Fate(
            contribution_id=name,
            superseded_by=self.lineage.successor(view, contribution_id),
            suppressed=self.suppressions.of(name, row["submitter_id"]),
            stages=look_up(self.catalog, name, row["received_at"].date()),
        )

    def superseded(self, table: Table, snapshot: Snapshot) -> pa.Array:
        """Return the contribution_ids that a later version replaced as of a snapshot, ascending."""
        return self._versions.replaced(table, snapshot)

    def committer(self) -> Committer:
        """Return a committer; the caller sees to it that it is the only one that runs."""
        return Committer(self.database, self.journal, self.catalog, self.settings)

    def scheduler(self, run: Run) -> Scheduler:
        """Return what builds releases when they are due; only the committer's process runs it."""
        return Scheduler(self.database, self.releases.registry, self.settings, run)

    def expiry(self) -> Expiry:
        """Return what forgets what is past the idempotency window, beside the committer."""
        window = timedelta(seconds=self.settings.idempotency_window_s)
        return Expiry(self.database, window)

    def maintenance(self) -> Maintenance:
        """Return the maintenance of the lake, which may run beside the committer."""
        return Maintenance(
            self.database,
            self.journal,
            self.catalog,
            self.settings,
            protected=self.journal.protected_paths,
        )


def init_app(app: Flask, settings: Settings) -> Services:
    """Give the application its services, and return them."""
    services = app.extensions[_EXTENSION] = Services(settings)
    return services


def current_services() -> Services:
    """Return the services of the application that handles the request or the command."""
    return cast("Services", current_app.extensions[_EXTENSION])
