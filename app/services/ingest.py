"""Wiring of `app.ingest`: what takes submissions and uploads in."""

from datetime import timedelta

from app.ingest.commits.claims import Claims
from app.ingest.commits.wake_up import WakeUp
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
from app.services.access import AccessServices
from app.services.foundation import Foundation
from app.services.versions import VersionServices
from app.telemetry.exposition import shared_file


class IngestServices:
    """The journal, and the two ways into it."""

    def __init__(
        self, foundation: Foundation, access: AccessServices, versions: VersionServices
    ) -> None:
        settings, database = foundation.settings, foundation.database
        self.refusals = Refusals(access.taken_down, access.bans.contributor_ids)
        self.journal = Journal(
            database,
            settings.max_journal_bytes,
            self.refusals.current,
            access.networks,
            versions.finder.find,
        )
        self.claims = Claims(database)
        self.pending = Pending(database, lambda: foundation.get_raw_table().io)
        limits = JsonLimits(
            settings.max_turns,
            settings.max_nesting,
            settings.max_object_keys,
            settings.max_brackets,
        )
        terms = RequiredTerms(settings.terms_version or "") if settings.require_terms else None
        # Elsewhere than on SQLite, clients of other nodes wait too, and can't wake the committer.
        self.wake_up = WakeUp(shared_file("committer") if database.is_sqlite else None)
        self.intake = Intake(self.journal, access.ids, limits, terms, access.networks)
        self.bulk_intake = BulkIntake(
            Uploads(
                database,
                timedelta(seconds=settings.idempotency_window_s),
                versions.index.find,
                versions.prepared,
                self.wake_up.send,
            ),
            foundation.get_raw_table,
            self.journal.check_room,
            access.ids,
            LineDecoder(limits, terms, self.refusals.current),
            access.networks,
            max_line_bytes=settings.max_body_bytes,
            max_rejected=settings.max_rejected_lines,
        )
        # Under a plain WSGI server, each waiting request holds one of its threads.
        max_waiting = min(settings.max_waiting, settings.threads // 2)
        self.commit_waiter = CommitWaiter(self.journal, max_waiting, self.wake_up.send)

    def close(self) -> None:
        """End appending to the journal."""
        self.journal.close()
