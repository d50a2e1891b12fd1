"""The parts of the service, made from its settings; each process makes its own."""

from datetime import timedelta
from functools import cached_property
from typing import Final, cast

from flask import Flask, current_app
from pyiceberg.catalog.sql import SqlCatalog

from app.db import Database
from app.ingest.backpressure import Backpressure
from app.ingest.bulk import BulkIntake
from app.ingest.committer import Committer
from app.ingest.intake import Intake
from app.ingest.journal import Journal
from app.ingest.strict_json import Limits
from app.ingest.uploads import Uploads
from app.ingest.waiting import WaitingRoom
from app.maintenance import Maintenance
from app.query.contributions import Contributions
from app.query.reference import Reference, SnapshotView, resolve
from app.query.sql.queries import SqlQueries
from app.query.versions import Versions
from app.settings import Settings
from catalog.connection import open_catalog
from catalog.table import load_table

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
        versions = Versions(settings.query_memory_mib)
        self.contributions = Contributions(versions, settings.max_page_bytes)
        self.sql = SqlQueries(settings, versions)

    @cached_property
    def catalog(self) -> SqlCatalog:
        """The Iceberg catalog."""
        return open_catalog(
            self.settings.catalog_uri, self.settings.warehouse, **self.settings.catalog_properties
        )

    def close(self) -> None:
        """Close the pooled connections of this process, and end the processes that it started."""
        self.sql.close()
        self.journal.close()
        self.database.dispose()
        if "catalog" in vars(self):
            self.catalog.engine.dispose()

    def view(self, reference: Reference) -> SnapshotView:
        """Return the lake at the moment that a reference names."""
        return resolve(self.database, self.catalog, reference)

    def committer(self) -> Committer:
        """Return a committer; the caller sees to it that it is the only one that runs."""
        return Committer(self.database, self.journal, self.catalog, self.settings)

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
