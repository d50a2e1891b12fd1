"""Wiring of `app.takedown`: what takes down, after everything that holds contributions."""

from pyiceberg.table import Table

from app.access.moderation.traces import ModerationTraces
from app.services.access import AccessServices
from app.services.foundation import Foundation
from app.services.ingest import IngestServices
from app.services.publishing import PublishingServices
from app.services.reading import ReadingServices
from app.services.versions import VersionServices
from app.state.spill import remove_abandoned
from app.takedown.databases import DatabaseErasure
from app.takedown.finding import Finder
from app.takedown.journal import JournalErasure
from app.takedown.lists import TakedownLists
from app.takedown.networks import NetworkErasure
from app.takedown.old_versions import OldVersions
from app.takedown.service import TakedownService
from app.takedown.steps import Step
from app.takedown.tables import TableErasure
from app.takedown.waiting import Waiting
from app.takedown.withdrawing import Withdrawals


class TakedownServices:
    """Takedowns, withdrawals by contributors, and lists for restores."""

    def __init__(
        self,
        foundation: Foundation,
        access: AccessServices,
        versions: VersionServices,
        ingest: IngestServices,
        reading: ReadingServices,
        publishing: PublishingServices,
    ) -> None:
        database = foundation.database
        waiting = Waiting()
        self.moderation_traces = ModerationTraces(
            database, access.hidden, access.reports, reading.quarantine, access.banned_contributions
        )

        def table_of_known_versions() -> Table:
            """Return the raw table as it is now, once all of its versions are in the index."""
            table = foundation.get_raw_table()
            versions.recorder.catch_up(table)
            return table

        finder = Finder(table_of_known_versions, ingest.pending, reading.versions)
        journal = JournalErasure(database, access.taken_down, ingest.pending, finder, waiting)
        tables = TableErasure(
            database,
            foundation.get_catalog,
            access.takedowns,
            ingest.claims.protected_paths,
            waiting,
            foundation.settings.takedown_grace_s,
        )
        old_versions = OldVersions(foundation.settings, foundation.get_catalog)
        self.service = TakedownService(
            database,
            access.takedowns,
            access.taken_down,
            finder,
            (
                Step("journal", journal.erase, is_needed=True),
                Step("tables", tables.erase_rows, is_needed=True),
                Step("releases", publishing.releases.take_down, is_waited_for=True),
                Step("maps", publishing.maps.take_down, is_waited_for=True),
                Step("text index", lambda _: reading.text_indexing().remove_replaced()),
                # After all that is written anew, which is a part of the time that readers have.
                Step("old files", tables.remove_files),
                Step("counts", lambda _: reading.summary_job().erase_replaced()),
                Step("old versions", old_versions.erase),
                Step("spilled files", lambda _: remove_abandoned()),
                # Comments of reports may quote what is erased; its pages are cleaned after that.
                Step("moderation", self.moderation_traces.erase),
                Step("networks", NetworkErasure(database, access.takedowns).erase),
                Step("late submissions", journal.erase_late),
                Step("database", DatabaseErasure(database).erase),
            ),
            (publishing.releases.hold_back, publishing.maps.hold_back),
            waiting,
        )
        self.withdrawals = Withdrawals(self.service, access.takedowns, finder)
        self.lists = TakedownLists(
            database, access.takedowns, access.taken_down, finder, self.service
        )
