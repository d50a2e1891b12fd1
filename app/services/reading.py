"""Wiring of `app.query` and `app.iceberg`: what reads the lake, by whatever way."""

from collections.abc import Sequence

from app.access.moderation.quarantine import Quarantine, Superseded
from app.access.visibility.audience import OPERATOR
from app.background.summaries import SummaryJob
from app.background.text_index import TextIndexing
from app.iceberg.access import file_access
from app.iceberg.catalog import PublishedCatalog
from app.iceberg.publication import Publications
from app.query.browsing.exploring import Explorer
from app.query.contributions.narrowing import Narrowing
from app.query.contributions.reader import Contributions
from app.query.contributions.staged import StagedContributions
from app.query.counts.files import FileCounts
from app.query.counts.summaries import Summaries
from app.query.history.changes import ChangeFeed
from app.query.history.diff import Diffs
from app.query.history.lineage import Lineage
from app.query.history.versions import Versions
from app.query.replaced import ReplacedReader
from app.query.row_index.index import RowIndex
from app.query.row_index.indexing import RowIndexing
from app.query.row_index.stages import StageRowIndex
from app.query.row_index.sums import ContributorSums
from app.query.snapshots import Reference, Snapshots
from app.query.sql.queries import SqlQueries
from app.query.statistics.facets import Facets
from app.query.statistics.overview import Overviews
from app.query.statistics.stage_counts import StageCounts
from app.query.statistics.stats import ContributionStatistics
from app.query.text_index.folder import TextIndexes
from app.services.access import AccessServices
from app.services.foundation import Foundation
from app.services.versions import VersionServices
from catalog.replaced import REPLACED_IDENTIFIER
from catalog.table import load_table


class ReadingServices:
    """Contributions at every snapshot, what is counted and found in them, and SQL."""

    def __init__(
        self, foundation: Foundation, access: AccessServices, versions: VersionServices
    ) -> None:
        settings, database = foundation.settings, foundation.database
        get_catalog = foundation.get_catalog
        self._foundation = foundation
        self.snapshots = Snapshots(database, get_catalog, access.hidden, access.embargo)
        self.versions = Versions(versions.index, access.taken_down)
        self.replaced = ReplacedReader(lambda: load_table(foundation.catalog, REPLACED_IDENTIFIER))
        self._make_indexes(foundation, versions)
        self.contributions = Contributions(
            self.replaced, self.summaries, settings.max_page_bytes, self.narrowing
        )
        self.staged = StagedContributions(
            database,
            get_catalog,
            self.snapshots,
            settings.max_page_bytes,
            self.narrowing,
        )
        self.lineage = Lineage(database, self.contributions, self.versions)
        self.quarantine = Quarantine(
            database, access.hidden, access.reports, access.moderation_log, self._superseded_by
        )
        self.changes = ChangeFeed(self.snapshots, access.shown, settings.max_page_bytes)
        self.diffs = Diffs(self.snapshots, database, self.replaced, self.versions)
        self._make_counting(foundation)
        self.sql = SqlQueries(settings, self.replaced)
        self.publications = Publications(database, get_catalog, access.hidden, access.embargo)
        self.published = PublishedCatalog(get_catalog, self.publications, file_access(settings))

    def _make_indexes(self, foundation: Foundation, versions: VersionServices) -> None:
        """Make what tells where rows are, or how many there are, without reading them."""
        self.file_counts = FileCounts(foundation.database)
        self.summaries = Summaries(self.file_counts, self.replaced)
        self.stage_counts = StageCounts(self.file_counts, foundation.get_catalog)
        row_index = RowIndex(self.file_counts.database)
        self.row_indexing = RowIndexing(row_index, self.replaced)
        self.stage_row_index = StageRowIndex(row_index, foundation.get_catalog)
        self.contributor_sums = ContributorSums(row_index, self.replaced)
        self.text_indexes = TextIndexes(foundation.settings.text_index)
        self.narrowing = Narrowing(
            self.file_counts,
            row_index,
            self.stage_row_index,
            versions.index,
            self.text_indexes if foundation.settings.text_index_share else None,
        )

    def _make_counting(self, foundation: Foundation) -> None:
        """Make what counts contributions, and what shows counts beside them."""
        self.statistics = ContributionStatistics(
            self.replaced,
            self.summaries,
            self.contributor_sums,
            foundation.scratch,
            foundation.settings.max_groups,
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

    def _superseded_by(self, ids: Sequence[str]) -> Superseded:
        """Return the versions that contributions superseded, as of the newest snapshot."""
        return self.lineage.superseded_by(self.snapshots.view(Reference(), OPERATOR), ids)

    def summary_job(self) -> SummaryJob:
        """Return the job that counts files, for the committer's process."""
        return SummaryJob(
            self.snapshots,
            self.file_counts,
            self.summaries,
            self.stage_counts,
            self.row_indexing,
            self.stage_row_index,
            self._foundation.settings.maintenance_interval_s,
        )

    def text_indexing(self) -> TextIndexing:
        """Return what builds the index of texts on this node, by command."""
        return TextIndexing(self.text_indexes, self._foundation.get_catalog, share=1)

    def close(self) -> None:
        """End the child processes that run queries in SQL."""
        self.sql.close()
        self.file_counts.dispose()
