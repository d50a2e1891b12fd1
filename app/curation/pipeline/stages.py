"""Building the stages of a snapshot, one build at a time."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.curation.pipeline import cleaned, curated, engine
from app.curation.pipeline.days import DayInput, LeftOut, survey
from app.curation.pipeline.functions import StageFunctions
from app.curation.pipeline.records import DayRecord, DayRecords
from app.curation.pipeline.writer import Progress, StageWriter
from app.curation.suppressions import Suppressions
from app.query.snapshots import SnapshotView
from app.query.versions import Versions
from app.state.db import Database
from app.state.locks import holding
from catalog.snapshots import Snapshot, held
from catalog.stage_tables import load_stage
from catalog.stages import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table

LOCK: Final = "curation"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBuild:
    """A stage of a snapshot, as its tables have it.

    Attributes:
        stage: Which stage.
        source_snapshot_id: The snapshot of the contributions.
        snapshot_id: The snapshot of the table of the stage's rows.
        rows: How many rows it has.
        dropped: How many rows of the raw table it hasn't, by reason: with `rows`, each row of the
            raw table is counted once. Reasons of earlier stages come first.
        rules: The versions of the rules that it was computed by, by what they do.
        computed_days: The days of it that this build computed; the others were there already.
    """

    stage: ComputedStage
    source_snapshot_id: int
    snapshot_id: int
    rows: int
    dropped: Mapping[str, int]
    rules: Mapping[str, str]
    computed_days: tuple[date, ...]


class Stages:
    """Builds stages; what they were built from and into is in the catalog and the database."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        functions: StageFunctions,
        versions: Versions,
        suppressions: Suppressions,
        ray_address: str | None = None,
    ) -> None:
        """Build the stages of a lake.

        Args:
            database: Holds what is remembered of days.
            catalog: Holds the tables.
            functions: The rules.
            versions: Knows which contributions a later version replaced.
            suppressions: Knows which contributions the operator suppressed.
            ray_address: The Ray cluster to build on; None: in this process and its children.
        """
        self._database = database
        self._catalog = catalog
        self._functions = functions
        self._versions = versions
        self._ray_address = ray_address
        self._records = DayRecords(database)
        self._suppressions = suppressions

    def build(
        self, stage: ComputedStage, snapshot: Snapshot, progress: Progress = lambda _: None
    ) -> StageBuild:
        """Bring a stage to a snapshot, and the stages before it; days that are so already stay.

        Another build, of this or another process, is waited for.

        Args:
            stage: The stage.
            snapshot: A live snapshot of the contributions.
            progress: Called with numbers of rows that are done with; they come to `total_rows`.

        Raises:
            SnapshotNotLive: The snapshot was thinned.
            RowsMiscounted: The rules gave more or fewer rows than they were given.
            CommitConflict: Another writer committed to a table of the stage.
            SettingsError: The Ray cluster can't be used.
        """
        table = load_table(self._catalog)
        with holding(self._database.lock(LOCK)), held(table, snapshot):
            view = SnapshotView(table, snapshot)
            left_out = LeftOut(
                self._versions.replaced_in(view), self._suppressions.suppressed_in(view)
            )
            days = list(survey(table, snapshot, left_out, cleaned.CHUNK))
            built = self._build_cleaned(table, snapshot, days, progress)
            return built if stage == "cleaned" else self._build_curated(built, days, progress)

    @staticmethod
    def total_rows(stage: ComputedStage, snapshot: Snapshot) -> int:
        """Return how many rows a build is done with in the end: all, once for each stage."""
        return snapshot.total_rows * (list(COMPUTED_STAGES).index(stage) + 1)

    def _build_cleaned(
        self, table: Table, snapshot: Snapshot, days: list[DayInput], progress: Progress
    ) -> StageBuild:
        changed = self._records.changes("cleaned", cleaned.digests_of(days, self._functions))
        with StageWriter(self._catalog, "cleaned", self._records) as writer:
            snapshot_id = cleaned.build_cleaned(
                writer,
                table,
                snapshot,
                days,
                changed,
                self._functions,
                engine.start(self._ray_address),
                progress,
            )
        by_survey = Counter(
            superseded=sum(day.superseded for day in days),
            suppressed=sum(day.suppressed for day in days),
        )
        records = self._records.of("cleaned")
        return StageBuild(
            stage="cleaned",
            source_snapshot_id=snapshot.snapshot_id,
            snapshot_id=snapshot_id,
            rows=_rows(records),
            dropped=_counts(by_survey, _dropped(records)),
            rules={"cleaning": self._functions.cleaning_version},
            computed_days=tuple(changed),
        )

    def _build_curated(
        self, built: StageBuild, days: list[DayInput], progress: Progress
    ) -> StageBuild:
        table = load_stage(self._catalog, COMPUTED_STAGES["cleaned"].rows)
        dropped = curated.decide(table, built.snapshot_id, self._functions)
        of_cleaned = self._records.of("cleaned")
        digests = curated.digests_of(of_cleaned, dropped)
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
            dropped=_counts(built.dropped, _dropped(records)),
            rules={**built.rules, "curating": self._functions.curating_version},
            computed_days=tuple(changed),
        )


def _rows(records: Mapping[date, DayRecord]) -> int:
    return sum(record.rows for record in records.values())


def _dropped(records: Mapping[date, DayRecord]) -> Counter[str]:
    return sum((Counter(record.dropped) for record in records.values()), Counter())


def _counts(earlier: Mapping[str, int], own: Mapping[str, int]) -> dict[str, int]:
    """Return both together, in their order and without those that are none."""
    return dict(Counter(earlier) + Counter(own))
