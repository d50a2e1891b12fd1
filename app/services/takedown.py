"""Wiring of `app.takedown`: what takes down, after everything that holds contributions."""

from pyiceberg.table import Table

from app.access.moderation.traces import ModerationTraces
from app.services.publishing import PublishingServices
from app.settings import Settings
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


class TakedownServices(PublishingServices):
    """Takedowns, withdrawals by contributors, and lists for restores."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        finder = Finder(self._table_of_known_versions, self.pending, self.versions)
        waiting = Waiting()
        self.moderation_traces = ModerationTraces(
            self.database, self.hidden, self.reports, self.quarantine, self.banned_contributions
        )
        self.takedown = TakedownService(
            self.database,
            self.takedowns,
            self.taken_down,
            finder,
            self._steps(finder, waiting),
            (self.releases.hold_back, self.maps.hold_back),
            waiting,
        )
        self.withdrawals = Withdrawals(self.takedown, self.takedowns, finder)
        self.takedown_lists = TakedownLists(
            self.database, self.takedowns, self.taken_down, finder, self.takedown
        )

    def _steps(self, finder: Finder, waiting: Waiting) -> tuple[Step, ...]:
        """Return the steps of erasing, in their order."""
        journal = JournalErasure(self.database, self.taken_down, self.pending, finder, waiting)
        tables = TableErasure(
            self.database,
            self.get_catalog,
            self.takedowns,
            self.claims.protected_paths,
            waiting,
            self.settings.takedown_grace_s,
        )
        return (
            Step("journal", journal.erase, is_needed=True),
            Step("tables", tables.erase_rows, is_needed=True),
            Step("releases", self.releases.take_down, is_waited_for=True),
            Step("maps", self.maps.take_down, is_waited_for=True),
            Step("text index", lambda _: self.text_indexing().remove_replaced()),
            # After all that is written anew, which is a part of the time that readers have.
            Step("old files", tables.remove_files),
            Step("counts", lambda _: self.summary_job().erase_replaced()),
            Step("old versions", OldVersions(self.settings, self.get_catalog).erase),
            Step("spilled files", lambda _: remove_abandoned()),
            # Comments of reports may quote what is erased; its pages are cleaned after that.
            Step("moderation", self.moderation_traces.erase),
            Step("networks", NetworkErasure(self.database, self.takedowns).erase),
            Step("late submissions", journal.erase_late),
            Step("database", DatabaseErasure(self.database).erase),
        )

    def _table_of_known_versions(self) -> Table:
        """Return the raw table as it is now, once all of its versions are in the index."""
        table = self.get_raw_table()
        self.version_recorder.catch_up(table)
        return table
