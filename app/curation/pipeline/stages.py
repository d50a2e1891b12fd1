"""Builds the stages of a snapshot, one build at a time."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.curation.pipeline import cleaned, curated, runner
from app.curation.pipeline.days import DayInput, ExcludedIds, survey
from app.curation.pipeline.records import DayRecord, DayRecords
from app.curation.pipeline.writer import RowProgress, StageWriter
from app.curation.rules.interface import StageRules
from app.curation.suppressions import Suppressions
from app.query.snapshots import SnapshotView
from app.query.versions import Versions
from app.state.db import Database
from app.state.locks import holding
from catalog.snapshots import Snapshot, held
from catalog.stages import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table

LOCK: Final = "curation"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBuild:
    """The result of building a stage of a snapshot.

    Attributes:
        stage: Name of the stage.
        source_snapshot_id: The snapshot of the contributions that the stage was computed from.
        snapshot_id: The snapshot of the table of the stage's rows.
        rows: Number of rows of the stage.
        dropped: Number of rows of the raw table that the stage lacks, by reason; reasons of earlier
            stages come first. Together with `rows`, each row of the raw table is counted once.
        rules: Versions of the rules that the stage was computed by: of `cleaning`, and for
            `curated` also of `curating`.
        computed_days: The days that this build computed. The other days were up to date.
    """

    stage: ComputedStage
    source_snapshot_id: int
    snapshot_id: int
    rows: int
    dropped: Mapping[str, int]
    rules: Mapping[str, str]
    computed_days: tuple[date, ...]


class Stages:
    """Builds the stages of a lake into their tables, and keeps records of their days."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        rules: StageRules,
        versions: Versions,
        suppressions: Suppressions,
        ray_address: str | None = None,
    ) -> None:
        """Build the stages of a lake.

        Args:
            database: Keeps the records of days, and the lock of builds.
            catalog: The catalog with the tables.
            rules: The rules to compute by.
            versions: Knows which contributions a later version superseded.
            suppressions: Knows which contributions the operator suppressed.
            ray_address: Address of the Ray cluster to build on; None to build in this process and
                its children.
        """
        self._database = database
        self._catalog = catalog
        self._rules = rules
        self._versions = versions
        self._ray_address = ray_address
        self._records = DayRecords(database)
        self._suppressions = suppressions

    def build(
        self, stage: ComputedStage, snapshot: Snapshot, progress: RowProgress = lambda _: None
    ) -> StageBuild:
        """Bring a stage, and the stages before it, to a snapshot.

        Days that are up to date aren't computed again. While another build runs, in this or another
        process, this one waits for it.

        Args:
            stage: The stage.
            snapshot: A live snapshot of the contributions.
            progress: Called with numbers of rows that are done; their sum is `total_rows`.

        Raises:
            SnapshotNotLive: The snapshot was thinned.
            RowsMiscounted: The rules returned more or fewer rows than they were given.
            CommitConflict: Another writer committed to a table of the stage.
            SettingsError: The Ray cluster can't be used.
        """
        table = load_table(self._catalog)
        with holding(self._database.lock(LOCK)), held(table, snapshot):
            view = SnapshotView(table, snapshot)
            excluded = ExcludedIds(
                self._versions.superseded_in(view), self._suppressions.suppressed_in(view)
            )
            days = list(survey(table, snapshot, excluded, cleaned.CHUNK))
            built = self._build_cleaned(table, snapshot, days, progress)
            return built if stage == "cleaned" else self._build_curated(built, days, progress)

    @staticmethod
    def total_rows(stage: ComputedStage, snapshot: Snapshot) -> int:
        """Return the number of rows that a build does: all of the snapshot, once for each stage."""
        return snapshot.total_rows * (list(COMPUTED_STAGES).index(stage) + 1)

    def _build_cleaned(
        self, table: Table, snapshot: Snapshot, days: list[DayInput], progress: RowProgress
    ) -> StageBuild:
        changed = self._records.changes("cleaned", cleaned.cleaned_digests(days, self._rules))
        with StageWriter(self._catalog, "cleaned", self._records) as writer:
            snapshot_id = cleaned.build_cleaned(
                writer,
                table,
                snapshot,
                days,
                changed,
                self._rules,
                runner.start(self._ray_address),
                progress,
            )
        excluded = Counter(
            superseded=sum(day.superseded for day in days),
            suppressed=sum(day.suppressed for day in days),
        )
        records = self._records.of("cleaned")
        return StageBuild(
            stage="cleaned",
            source_snapshot_id=snapshot.snapshot_id,
            snapshot_id=snapshot_id,
            rows=_rows(records),
            dropped=_added(excluded, _dropped(records)),
            rules={"cleaning": self._rules.cleaning_version},
            computed_days=tuple(changed),
        )

    def _build_curated(
        self, built: StageBuild, days: list[DayInput], progress: RowProgress
    ) -> StageBuild:
        table = load_table(self._catalog, COMPUTED_STAGES["cleaned"].rows)
        dropped = curated.decide_dropped(table, built.snapshot_id, self._rules)
        of_cleaned = self._records.of("cleaned")
        digests = curated.curated_digests(of_cleaned, dropped)
        changed = self._records.changes("curated", digests)
        raw_rows = {day.day: day.raw_rows for day in days}
        with StageWriter(self._catalog, "curated", self._records) as writer:
            snapshot_id = curated.build_curated(
                writer,
                table,
                built.snapshot_id,
                built.source_snapshot_id,
                of_cleaned,
                changed,
                dropped,
                lambda day: progress(raw_rows[day]),
            )
        records = self._records.of("curated")
        return StageBuild(
            stage="curated",
            source_snapshot_id=built.source_snapshot_id,
            snapshot_id=snapshot_id,
            rows=_rows(records),
            dropped=_added(built.dropped, _dropped(records)),
            rules={**built.rules, "curating": self._rules.curating_version},
            computed_days=tuple(changed),
        )


def _rows(records: Mapping[date, DayRecord]) -> int:
    return sum(record.rows for record in records.values())


def _dropped(records: Mapping[date, DayRecord]) -> Counter[str]:
    return sum((Counter(record.dropped) for record in records.values()), Counter())


def _added(earlier: Mapping[str, int], own: Mapping[str, int]) -> dict[str, int]:
    """Return the sums of two counts, without zeros, those of `earlier` first."""
    return dict(Counter(earlier) + Counter(own))
