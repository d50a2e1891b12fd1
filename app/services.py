"""Wiring: the parts of the service, made from its settings. Each process makes its own."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, cast

from flask import Flask, current_app
from pyiceberg.table import Table

from app.access.audience import OPERATOR
from app.access.embargo import Embargo
from app.access.gates import Gates
from app.access.hidden import HiddenContributions
from app.access.hidden_watch import HiddenWatch
from app.access.ids import Ids, read_secret
from app.access.keys import Keys
from app.access.limits.bucket_table import BucketTable, digest_key
from app.access.limits.clients import Clients
from app.access.limits.exchange import BucketExchange
from app.access.limits.limiter import Limiter
from app.access.limits.places import PLACES_FILE_NAME, ClientPlaces
from app.access.moderation.banned_contributions import BannedContributions
from app.access.moderation.bans import Bans
from app.access.moderation.log import ModerationLog
from app.access.moderation.quarantine import Quarantine
from app.access.moderation.reports import Reports
from app.access.moderation.service import Moderation
from app.access.networks import Networks
from app.access.policy import Policy
from app.access.shown_again import ShownContributions
from app.access.takedown_feed import TakedownFeed
from app.access.takedowns import Takedown, TakedownKind, Takedowns
from app.background.checkpoints import Checkpoints
from app.background.hub import HubJob
from app.background.maintenance import Maintenance
from app.background.schedule import BuildRelease, Scheduler
from app.background.summaries import SummaryJob
from app.background.takedowns import TakedownJob
from app.background.text_index import TextIndexing
from app.curation.evaluation_sets.registry import EvaluationSets
from app.curation.explain import Explanations
from app.curation.near_duplicates import NearDuplicates
from app.iceberg.access import file_access
from app.iceberg.catalog import PublishedCatalog
from app.iceberg.publication import Publications
from app.ingest.bulk import BulkIntake
from app.ingest.claims import Claims
from app.ingest.committer import Committer
from app.ingest.expiry import Expiry
from app.ingest.intake import Intake
from app.ingest.journal import Journal
from app.ingest.line_decoder import LineDecoder
from app.ingest.pending import Pending
from app.ingest.refusals import Refusals
from app.ingest.strict_json import JsonLimits
from app.ingest.terms import RequiredTerms
from app.ingest.uploads import Uploads
from app.ingest.waiting import CommitWaiter
from app.maps.service import Maps
from app.maps.store import MapStore
from app.query.changes import ChangeFeed
from app.query.contributions import Contributions
from app.query.contributors.index import ContributorIndex
from app.query.contributors.indexing import ContributorIndexing
from app.query.contributors.sums import ContributorSums
from app.query.diff import Diffs
from app.query.exploring import Explorer
from app.query.facets import Facets
from app.query.file_counts import FileCounts
from app.query.lineage import Lineage
from app.query.narrowing import Narrowing
from app.query.overview import Overviews
from app.query.replaced import ReplacedReader
from app.query.reviews import Reviews
from app.query.scratch import ScratchDatabase
from app.query.snapshots import Reference, Snapshots
from app.query.spill import remove_abandoned
from app.query.sql.queries import SqlQueries
from app.query.stage_counts import StageCounts
from app.query.staged import StagedContributions
from app.query.stats import ContributionStatistics
from app.query.summaries import Summaries
from app.query.text_index.folder import TextIndexes
from app.query.versions import Versions
from app.releases.descriptions.datasheet import read_datasheet
from app.releases.manifest import Manifest
from app.releases.service import Releases
from app.releases.store import open_store
from app.settings import PREFIX, Settings
from app.state.db import Database
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
from app.telemetry.exposition import shared_file
from app.versions.filling import VersionFilling
from app.versions.index import VersionFinder, VersionIndex
from app.versions.recording import VersionRecorder
from catalog.connection import LockingCatalog, open_catalog
from catalog.replaced import REPLACED_IDENTIFIER
from catalog.table import load_table

if TYPE_CHECKING:
    from app.curation.pipeline.quarantine import ScoreQuarantine
    from app.curation.pipeline.stages import Stages
    from app.releases.hub.publisher import HubPublisher

_EXTENSION: Final = "chatlake"
_SCORERS: Final = "service:scores"
"""Who puts contributions into quarantine by their scores, in the log of moderation."""


class Services:
    """The domains' services, which the edges call.

    Making it connects to nothing. The catalog is opened when it is first needed, which is after the
    fork of the process that needs it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url)
        self._make_access(settings)
        self._make_versions(settings)
        self._make_ingest(settings)
        self._make_reading(settings)
        self._make_publishing(settings)
        self._make_takedown()

    def _make_access(self, settings: Settings) -> None:
        """Make what decides who may do what, and what is hidden or refused."""
        self.ids = Ids(lambda: read_secret(self.database))
        self.keys = Keys(self.database)
        self.gates = Gates(self.database)
        self.policy = Policy(settings, self.gates)
        self.hidden = HiddenContributions(self.database)
        self.shown = ShownContributions(self.database)
        self.moderation_log = ModerationLog(self.database)
        self.bans = Bans(self.database, self.moderation_log)
        self.banned_contributions = BannedContributions(
            self.database,
            self.hidden,
            self.bans,
            lambda: self.catalog,
            self._take_down_contributor,
        )
        self.takedowns = Takedowns(self.database, self.hidden)
        self.takedown_feed = TakedownFeed(self.database, self.takedowns)
        self.refusals = Refusals(self.takedowns, self.bans.contributor_ids)
        self.networks = Networks(self.database)
        self.clients = Clients(settings)
        self.limiter = Limiter(self._open_buckets)
        self.places = ClientPlaces(settings.home / PLACES_FILE_NAME)
        self.embargo = Embargo(timedelta(seconds=settings.embargo_s))

    def _make_versions(self, settings: Settings) -> None:
        """Make what knows the versions of conversations, and which of them were replaced."""
        self._scratch = ScratchDatabase(settings.query_memory_mib)
        self.version_index = VersionIndex(self.database)
        self.version_recorder = VersionRecorder(
            self.version_index, self.database, lambda: self.catalog, self.takedowns
        )

    def _make_ingest(self, settings: Settings) -> None:
        """Make what takes submissions and uploads in."""
        self._version_finder = VersionFinder(self.version_index)
        self.journal = Journal(
            self.database,
            settings.max_journal_bytes,
            self.refusals.current,
            self.networks,
            self._version_finder.find,
        )
        self.claims = Claims(self.database)
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
            ),
            lambda: load_table(self.catalog),
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

    def _make_reading(self, settings: Settings) -> None:
        """Make what reads the lake, for the public, engines, contributors and moderators."""
        self.snapshots = Snapshots(self.database, lambda: self.catalog, self.hidden, self.embargo)
        self.versions = Versions(self.version_index, self.takedowns)
        self.replaced = ReplacedReader(lambda: load_table(self.catalog, REPLACED_IDENTIFIER))
        self.file_counts = FileCounts(self.database)
        self.summaries = Summaries(self.file_counts, self.replaced)
        self.stage_counts = StageCounts(self.file_counts, lambda: self.catalog)
        contributors = ContributorIndex(self.file_counts.database)
        self.contributor_indexing = ContributorIndexing(contributors, self.replaced)
        self.text_indexes = TextIndexes(settings.text_index)
        self.contributor_sums = ContributorSums(contributors, self.replaced)
        self.narrowing = Narrowing(
            contributors,
            self.version_index,
            self.text_indexes if settings.text_index_share else None,
            self.file_counts,
        )
        self.contributions = Contributions(
            self.replaced, self.summaries, settings.max_page_bytes, self.narrowing
        )
        self.lineage = Lineage(self.database, self.contributions, self.versions)
        self.moderation = self._moderation()
        self.reviews = Reviews(
            self.moderation,
            self.snapshots,
            self.contributions,
            lambda: self.catalog,
            settings.max_page_bytes,
        )
        self.changes = ChangeFeed(self.snapshots, self.shown, settings.max_page_bytes)
        self.diffs = Diffs(self.snapshots, self.database, self.replaced, self.versions)
        self.statistics = ContributionStatistics(
            self.replaced,
            self.summaries,
            self.contributor_sums,
            self._scratch,
            settings.max_groups,
            self.narrowing,
        )
        self.publications = Publications(
            self.database, lambda: self.catalog, self.hidden, self.embargo
        )
        self.staged = StagedContributions(
            self.database,
            lambda: self.catalog,
            self.snapshots,
            settings.max_page_bytes,
            self.narrowing,
        )
        self.facets = Facets(
            self.replaced,
            self.summaries,
            self.contributor_sums,
            self.staged,
            self.stage_counts,
            self.narrowing,
        )
        self.overviews = Overviews(self.summaries, self.contributor_sums)
        self.explorer = Explorer(self.snapshots, self.contributions, self.staged, self.facets)
        self.published = PublishedCatalog(
            lambda: self.catalog, self.publications, file_access(settings)
        )
        self.sql = SqlQueries(settings, self.replaced)

    def _make_publishing(self, settings: Settings) -> None:
        """Make what explains the stages, and what is published of them."""
        self.evaluation_sets = EvaluationSets(self.database)
        self.explanations = Explanations(
            lambda: self.catalog, self.contributions, self.lineage, self.hidden
        )
        self.near_duplicates = NearDuplicates(lambda: self.catalog, self.contributions)
        watch = partial(HiddenWatch, self.takedowns, self.hidden)
        self.releases = Releases(
            self.database,
            lambda: self.catalog,
            open_store(settings),
            self.stages,
            self.banned_contributions.hidden_ids,
            watch,
            self._scratch,
            read_datasheet(settings.datasheet),
        )
        self.maps = Maps(
            self.database,
            MapStore(settings.maps),
            lambda: self.catalog,
            self.snapshots,
            self.contributions,
            self.banned_contributions.hidden_ids,
            watch,
            self.releases,
        )

    def _make_takedown(self) -> None:
        """Make what takes down, after everything that holds contributions."""
        pending = Pending(self.database, lambda: load_table(self.catalog).io)
        finder = Finder(self._table_of_known_versions, pending, self.versions)
        self.takedown = self._takedown_service(pending, finder)
        self.withdrawals = Withdrawals(self.takedown, self.takedowns, finder)
        self.takedown_lists = TakedownLists(self.database, self.takedowns, finder, self.takedown)

    def _takedown_service(self, pending: Pending, finder: Finder) -> TakedownService:
        waiting = Waiting()
        journal = JournalErasure(self.database, self.takedowns, pending, finder, waiting)
        tables = TableErasure(
            self.database,
            lambda: self.catalog,
            self.takedowns,
            self.claims.protected_paths,
            waiting,
            self.settings.takedown_grace_s,
        )
        steps = (
            Step("journal", journal.erase, is_needed=True),
            Step("tables", tables.erase_rows, is_needed=True),
            Step("releases", self.releases.take_down, is_waited_for=True),
            Step("maps", self.maps.take_down, is_waited_for=True),
            Step("text index", lambda _: self.text_indexing().remove_replaced()),
            # After all that is written anew, which is a part of the time that readers have.
            Step("old files", tables.remove_files),
            Step("counts", lambda _: self.summary_job().erase_replaced()),
            Step("old versions", OldVersions(self.settings, lambda: self.catalog).erase),
            Step("spilled files", lambda _: remove_abandoned()),
            # Comments of reports may quote what is erased; its pages are cleaned after that.
            Step("moderation", self.moderation.erase),
            Step("networks", NetworkErasure(self.database, self.takedowns).erase),
            Step("late submissions", journal.erase_late),
            Step("database", DatabaseErasure(self.database).erase),
        )
        hold_back = (self.releases.hold_back, self.maps.hold_back)
        return TakedownService(self.database, self.takedowns, finder, steps, hold_back, waiting)

    @cached_property
    def catalog(self) -> LockingCatalog:
        """The Iceberg catalog."""
        return open_catalog(
            self.settings.catalog_uri, self.settings.warehouse, **self.settings.catalog_properties
        )

    def _table_of_known_versions(self) -> Table:
        """Return the raw table as it is now, once all of its versions are in the index."""
        table = load_table(self.catalog)
        self.version_recorder.catch_up(table)
        return table

    def _open_buckets(self) -> BucketTable:
        return BucketTable(shared_file("limits"), lambda: digest_key(read_secret(self.database)))

    def close(self) -> None:
        """Close the connections of this process, and end the child processes that it started."""
        self.sql.close()
        self.keys.close()
        self.journal.close()
        self._version_finder.close()
        self.version_index.dispose()
        self.file_counts.dispose()
        self.database.dispose()
        if "catalog" in vars(self):
            self.catalog.engine.dispose()

    def stages(self) -> "Stages":
        """Return the builder of the stages, for a process that is started for it.

        Raises:
            SettingsError: The recogniser of names or a scorer can't be used.
        """
        # Importing Daft takes 30 MB and starts threads, and no request needs it.
        from app.curation.name_recognisers.loading import load_recogniser  # noqa: PLC0415
        from app.curation.pipeline.kept_outcomes import KeptOutcomes  # noqa: PLC0415
        from app.curation.pipeline.stages import Stages  # noqa: PLC0415
        from app.curation.rules.standard import standard_rules  # noqa: PLC0415
        from app.curation.scorers.loading import load_scoring  # noqa: PLC0415

        path = self.settings.name_recogniser
        recogniser = load_recogniser(path) if path else None
        scoring = load_scoring(self.settings)
        return Stages(
            self.database,
            self.catalog,
            lambda: standard_rules(
                self.evaluation_sets.load(), recogniser, scoring, self.networks.read()
            ),
            self.replaced,
            self.banned_contributions.hidden_ids,
            self.settings.ray_address,
            self.takedowns.is_late,
            self._quarantine_by_scores(),
            KeptOutcomes(self.settings.outcomes),
        )

    def hub_publisher(self) -> "HubPublisher":
        """Return what publishes releases on the Hub."""
        # Its library takes 9 MB and 0.1 s, and no request needs it.
        from app.releases.hub.publisher import HubPublisher  # noqa: PLC0415

        return HubPublisher(
            self.database,
            self.releases,
            self.settings.hub_url,
            self.settings.hub_token,
            self._needs_key,
        )

    def _needs_key(self, manifest: Manifest) -> bool:
        return bool(self.policy.release(manifest.name, is_raw=manifest.stage == "raw"))

    def _moderation(self) -> Moderation:
        """Return moderation, which finds versions in the newest snapshot."""
        reports = Reports(self.database, self.settings.reports_per_day)
        self.quarantine = Quarantine(
            self.database,
            self.hidden,
            reports,
            self.moderation_log,
            lambda ids: self.lineage.superseded_by(self.snapshots.view(Reference(), OPERATOR), ids),
        )
        return Moderation(
            self.database,
            self.hidden,
            self.moderation_log,
            reports,
            self.quarantine,
            self.banned_contributions,
            self._request_takedown,
            self.settings.reports_to_quarantine,
        )

    def _request_takedown(
        self,
        kind: TakedownKind,
        identifiers: Sequence[str],
        *,
        reason: str | None,
        requested_by: str,
    ) -> list[Takedown]:
        """Record takedowns: the service that does is made after moderation, which it erases."""
        return self.takedown.request(kind, identifiers, reason=reason, requested_by=requested_by)

    def _take_down_contributor(self, contributor_id: str, actor: str, reason: str | None) -> None:
        """Have all of a contributor taken down, by moderation, which is made after bans."""
        self.moderation.take_down_contributors([contributor_id], actor, reason)

    def _quarantine_by_scores(self) -> "ScoreQuarantine | None":
        """Return what puts contributions into quarantine by their scores; None if nothing does."""
        from app.curation.pipeline.quarantine import ScoreQuarantine  # noqa: PLC0415
        from app.curation.scorers.conditions import parse_conditions  # noqa: PLC0415

        text = self.settings.quarantine_scores
        if text is None:
            return None
        conditions = parse_conditions(text, f"{PREFIX}QUARANTINE_SCORES")
        return ScoreQuarantine(conditions, self._put_into_quarantine)

    def _put_into_quarantine(self, ids: Sequence[str], reason: str) -> int:
        return self.quarantine.add(ids, "scores", _SCORERS, reason)

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
            self.takedowns.partly_taken_down,
            lambda: self.version_filling().fill(),
        )

    def scheduler(self, build_release: BuildRelease) -> Scheduler:
        """Return the scheduler of releases, which only the committer's process runs."""
        return Scheduler(self.database, self.releases.registry, self.settings, build_release)

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

    def bucket_exchange(self) -> BucketExchange | None:
        """Return the job that shares this node's buckets with other nodes; None on SQLite.

        Only the committer's process runs it, whether it is the one that commits or not.
        """
        path = shared_file("limits")
        if self.database.is_sqlite or path is None:
            return None
        return BucketExchange(
            self.database, lambda: self._open_buckets() if path.exists() else None
        )

    def expiry(self) -> Expiry:
        """Return the job that deletes what is past the idempotency window."""
        window = timedelta(seconds=self.settings.idempotency_window_s)
        return Expiry(self.database, window)

    def takedown_job(self) -> TakedownJob:
        """Return the job that erases what was taken down, for the committer's process only."""
        return TakedownJob(self.takedowns, self.takedown)

    def hub_job(self) -> HubJob:
        """Return the job that brings the Hub up to date, for the committer's process only."""
        return HubJob(self.releases.publications, lambda: self.hub_publisher().update_outdated())

    def version_filling(self) -> VersionFilling:
        """Return what fills the index of versions anew."""
        return VersionFilling(
            self.version_index,
            self.database,
            lambda: self.catalog,
            self.takedowns,
            self._scratch.connection,
        )

    def summary_job(self) -> SummaryJob:
        """Return the job that counts files, for the committer's process."""
        return SummaryJob(
            self.snapshots,
            self.file_counts,
            self.summaries,
            self.stage_counts,
            self.contributor_indexing,
            self.settings.maintenance_interval_s,
        )

    def text_indexing(self) -> TextIndexing:
        """Return what builds the index of texts on this node, by command."""
        return TextIndexing(self.text_indexes, lambda: self.catalog, share=1)

    def text_index_job(self) -> TextIndexing | None:
        """Return the job that builds the index of texts on this node; None if there is to be none.

        Only the committer's process runs it, whether it is the one that commits or not.
        """
        share = self.settings.text_index_share
        return TextIndexing(self.text_indexes, lambda: self.catalog, share) if share else None

    def maintenance(self) -> Maintenance:
        """Return the maintenance of the lake, which may run at the same time as the committer."""
        return Maintenance(
            self.database, self.claims, self.catalog, self.version_recorder, self.settings
        )


def init_app(app: Flask, settings: Settings) -> Services:
    """Attach new services to the application, and return them."""
    services = app.extensions[_EXTENSION] = Services(settings)
    return services


def services_of(app: Flask) -> Services:
    """Return the services of an application."""
    return cast("Services", app.extensions[_EXTENSION])


def current_services() -> Services:
    """Return the services of the application that handles the current request or command."""
    return services_of(current_app)
