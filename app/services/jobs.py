"""Wiring of `app.background`: the committer, and what its process does beside commits."""

from datetime import timedelta

from app.access.limits.exchange import BucketExchange
from app.background.bans import BanJob
from app.background.checkpoints import Checkpoints
from app.background.hub import HubJob
from app.background.maintenance.service import Maintenance
from app.background.schedule import BuildRelease, Scheduler
from app.background.takedowns import TakedownJob
from app.background.text_index import TextIndexing
from app.ingest.commits.committer import Committer
from app.ingest.journal.expiry import Expiry
from app.services.access import AccessServices
from app.services.foundation import Foundation
from app.services.ingest import IngestServices
from app.services.moderation import ModerationServices
from app.services.publishing import PublishingServices
from app.services.reading import ReadingServices
from app.services.takedown import TakedownServices
from app.services.versions import VersionServices
from app.telemetry.exposition import shared_file


class JobServices:
    """The committer and the jobs of its process, each made when it is asked for."""

    def __init__(
        self,
        foundation: Foundation,
        access: AccessServices,
        versions: VersionServices,
        ingest: IngestServices,
        reading: ReadingServices,
        publishing: PublishingServices,
        takedown: TakedownServices,
        moderation: ModerationServices,
    ) -> None:
        self._foundation = foundation
        self._access = access
        self._versions = versions
        self._ingest = ingest
        self._reading = reading
        self._publishing = publishing
        self._takedown = takedown
        self._moderation = moderation

    def committer(self) -> Committer:
        """Return a committer. The caller has to make sure that no other one runs."""
        return Committer(
            self._foundation.database,
            self._ingest.journal,
            self._ingest.claims,
            self._foundation.catalog,
            self._versions.recorder,
            self._access.banned_contributions,
            self._foundation.settings,
            lambda: self._ingest.refusals.current(max_age_s=0),
            self._access.taken_down.partly_taken_down,
            lambda: self._versions.filling().fill(),
            self._ingest.wake_up,
        )

    def text_index_job(self) -> TextIndexing | None:
        """Return the job that builds the index of texts on this node; None if there is to be none.

        It runs whether the process is the one that commits or not.
        """
        share = self._foundation.settings.text_index_share
        return (
            TextIndexing(self._reading.text_indexes, self._foundation.get_catalog, share)
            if share
            else None
        )

    def bucket_exchange(self) -> BucketExchange | None:
        """Return the job that shares this node's buckets with other nodes; None on SQLite.

        It runs whether the process is the one that commits or not.
        """
        path = shared_file("limits")
        if self._foundation.database.is_sqlite or path is None:
            return None
        return BucketExchange(
            self._foundation.database,
            lambda: self._access.open_buckets() if path.exists() else None,
        )

    def checkpoints(self) -> Checkpoints | None:
        """Return the job that keeps the logs of SQLite's databases short; None without any."""
        databases = (
            self._foundation.database,
            self._foundation.catalog,
            self._versions.index.database,
            self._reading.file_counts.database,
        )
        logged = [database for database in databases if database.engine.dialect.name == "sqlite"]
        return Checkpoints(logged) if logged else None

    def maintenance(self) -> Maintenance:
        """Return the maintenance of the lake, which may run at the same time as the committer."""
        return Maintenance(
            self._foundation.database,
            self._ingest.claims,
            self._foundation.catalog,
            self._versions.recorder,
            self._foundation.settings,
            take_over=self._reading.summary_job().take_over,
        )

    def ban_job(self) -> BanJob:
        """Return the job that finishes bans, and has taken down what they ask for."""
        return BanJob(
            self._foundation.database,
            self._access.banned_contributions,
            self._moderation.service.take_down_contributors,
        )

    def expiry(self) -> Expiry:
        """Return the job that deletes what is past the idempotency window."""
        window = timedelta(seconds=self._foundation.settings.idempotency_window_s)
        return Expiry(self._foundation.database, window, self._versions.prepared)

    def scheduler(self, build_release: BuildRelease) -> Scheduler:
        """Return the scheduler of releases."""
        return Scheduler(
            self._foundation.database,
            self._publishing.releases.registry,
            self._foundation.settings,
            build_release,
        )

    def takedown_job(self) -> TakedownJob:
        """Return the job that erases what was taken down."""
        return TakedownJob(self._access.takedowns, self._takedown.service)

    def hub_job(self) -> HubJob:
        """Return the job that brings the Hub up to date."""
        return HubJob(
            self._publishing.releases.publications,
            lambda: self._publishing.hub_publisher().update_outdated(),
        )
