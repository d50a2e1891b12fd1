"""Wiring of `app.ingest`: what takes submissions and uploads in."""

from datetime import timedelta

from app.ingest.commits.claims import Claims
from app.ingest.decoding.strict_json import JsonLimits
from app.ingest.intake import Intake
from app.ingest.journal.journal import Journal
from app.ingest.journal.pending import Pending
from app.ingest.journal.waiting import CommitWaiter
from app.ingest.refusals import Refusals
from app.ingest.terms import RequiredTerms
from app.ingest.uploads.intake import BulkIntake
from app.ingest.uploads.line_decoder import LineDecoder
from app.ingest.uploads.register import Uploads
from app.services.versions import VersionServices
from app.settings import Settings


class IngestServices(VersionServices):
    """The journal, and the two ways into it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.refusals = Refusals(self.taken_down, self.bans.contributor_ids)
        self.journal = Journal(
            self.database,
            settings.max_journal_bytes,
            self.refusals.current,
            self.networks,
            self.version_finder.find,
        )
        self.claims = Claims(self.database)
        self.pending = Pending(self.database, lambda: self.get_raw_table().io)
        limits = JsonLimits(
            settings.max_turns,
            settings.max_nesting,
            settings.max_object_keys,
            settings.max_brackets,
        )
        terms = RequiredTerms(settings.terms_version or "") if settings.require_terms else None
        self.intake = Intake(self.journal, self.ids, limits, terms, self.networks)
        self.bulk_intake = BulkIntake(
            Uploads(
                self.database,
                timedelta(seconds=settings.idempotency_window_s),
                self.version_index.find,
                self.prepared_versions,
            ),
            self.get_raw_table,
            self.journal.check_room,
            self.ids,
            LineDecoder(limits, terms, self.refusals.current),
            self.networks,
            max_line_bytes=settings.max_body_bytes,
            max_rejected=settings.max_rejected_lines,
        )
        # Under a plain WSGI server, each waiting request holds one of its threads.
        max_waiting = min(settings.max_waiting, settings.threads // 2)
        self.commit_waiter = CommitWaiter(self.journal, max_waiting)

    def close(self) -> None:
        """End appending to the journal, too."""
        self.journal.close()
        super().close()
