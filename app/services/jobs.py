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
from app.services.moderation import ModerationServices
from app.telemetry.exposition import shared_file


class JobServices(ModerationServices):
    """The committer and the jobs of its process, each made when it is asked for."""

    def committer(self) -> Committer:
        """Return a committer. The caller has to make sure that no other one runs."""
        return Committer(
            self.database,
            self.journal,
            self.claims,
            self.catalog,
            self.version_recorder,
            self.banned_contributions,
            self.settings,
            lambda: self.refusals.current(max_age_s=0),
            self.taken_down.partly_taken_down,
            lambda: self.version_filling().fill(),
        )

    def text_index_job(self) -> TextIndexing | None:
        """Return the job that builds the index of texts on this node; None if there is to be none.

        It runs whether the process is the one that commits or not.
        """
        share = self.settings.text_index_share
        return TextIndexing(self.text_indexes, self.get_catalog, share) if share else None

    def bucket_exchange(self) -> BucketExchange | None:
        """Return the job that shares this node's buckets with other nodes; None on SQLite.

        It runs whether the process is the one that commits or not.
        """
        path = shared_file("limits")
        if self.database.is_sqlite or path is None:
            return None
        return BucketExchange(self.database, lambda: self.open_buckets() if path.exists() else None)

    def checkpoints(self) -> Checkpoints | None:
        """Return the job that keeps the logs of SQLite's databases short; None without any."""
        databases = (
            self.database,
            self.catalog,
            self.version_index.database,
            self.file_counts.database,
        )
        logged = [database for database in databases if database.engine.dialect.name == "sqlite"]
        return Checkpoints(logged) if logged else None

    def maintenance(self) -> Maintenance:
        """Return the maintenance of the lake, which may run at the same time as the committer."""
        return Maintenance(
            self.database,
            self.claims,
            self.catalog,
            self.version_recorder,
            self.settings,
            take_over=self.summary_job().take_over,
        )

    def ban_job(self) -> BanJob:
        """Return the job that finishes bans, and has taken down what they ask for."""
        return BanJob(
            self.database, self.banned_contributions, self.moderation.take_down_contributors
        )

    def expiry(self) -> Expiry:
        """Return the job that deletes what is past the idempotency window."""
        window = timedelta(seconds=self.settings.idempotency_window_s)
        return Expiry(self.database, window, self.prepared_versions)

    def scheduler(self, build_release: BuildRelease) -> Scheduler:
        """Return the scheduler of releases."""
        return Scheduler(self.database, self.releases.registry, self.settings, build_release)

    def takedown_job(self) -> TakedownJob:
        """Return the job that erases what was taken down."""
        return TakedownJob(self.takedowns, self.takedown)

    def hub_job(self) -> HubJob:
        """Return the job that brings the Hub up to date."""
        return HubJob(self.releases.publications, lambda: self.hub_publisher().update_outdated())
