"""Builds the stages of a snapshot, one build at a time."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.curation.errors import TakedownWaits
from app.curation.pipeline import cleaned, curated, runner
from app.curation.pipeline.chunks import Chunk, ExcludedIds, survey
from app.curation.pipeline.kept_outcomes import KeptOutcomes
from app.curation.pipeline.known_rows import KnownRows
from app.curation.pipeline.quarantine import ScoreQuarantine
from app.curation.pipeline.records import BUILD_LOCK, ChunkRecord, ChunkRecords
from app.curation.pipeline.unscored import is_unscored
from app.curation.pipeline.writer import RowProgress, StageWriter
from app.curation.rules.interface import Decisions, EvaluationSet, Reason, StageRules
from app.query.replaced import ReplacedReader
from app.query.snapshots import SnapshotView
from app.state.db import Database
from app.state.locks import holding
from catalog.schema import ID
from catalog.snapshots import Snapshot, held
from catalog.stages.reader import StageReader, stage_rows
from catalog.stages.tables import COMPUTED_STAGES, SOURCE_SNAPSHOT_PROPERTY, ComputedStage
from catalog.table import load_table


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
        reasons: The reasons for which this stage and earlier ones leave rows out, in the order in
            which they are applied, whether they left out a row or not.
        computed_rows: Number of contributions that this build cleaned. The others were clean.
        unscored_rows: Number of rows of `cleaned` that a scorer couldn't be asked about.
        quarantined_rows: Number of contributions that this build put into quarantine.
        contaminated: Number of rows that were left out for each evaluation set that rows were
            checked against, in the order of names; empty for `cleaned`.
    """

    stage: ComputedStage
    source_snapshot_id: int
    snapshot_id: int
    rows: int
    dropped: Mapping[str, int]
    rules: Mapping[str, str]
    reasons: tuple[Reason, ...]
    computed_rows: int
    unscored_rows: int = 0
    quarantined_rows: int = 0
    contaminated: Mapping[EvaluationSet, int] = field(default_factory=dict)


class Stages:
    """Builds the stages of a lake into their tables, and keeps records of their chunks."""

    def __init__(  # noqa: PLR0913, PLR0917  # each is of another domain
        self,
        database: Database,
        catalog: Catalog,
        rules: Callable[[], StageRules],
        replaced: ReplacedReader,
        hidden: Callable[[], pa.Array],
        ray_address: str | None = None,
        takedown_waits: Callable[[], bool] = lambda: False,
        quarantine: ScoreQuarantine | None = None,
        outcomes: KeptOutcomes | None = None,
    ) -> None:
        """Build the stages of a lake.

        Args:
            database: Keeps the records of chunks, and the lock of builds.
            catalog: The catalog with the tables.
            rules: Returns the rules to compute by, once for each build.
            replaced: Tells which contributions a later version replaced.
            hidden: Returns the ids of the contributions that are hidden from readers, ascending.
            ray_address: Address of the Ray cluster to build on; None to build in this process and
                its children.
            takedown_waits: Tells whether a takedown has waited too long for a build to end.
            quarantine: Puts contributions into quarantine by their scores; None if none is to be.
            outcomes: Keeps what was found when texts were compared; None to compare all each time.
        """
        self._database = database
        self._catalog = catalog
        self._rules = rules
        self._replaced = replaced
        self._ray_address = ray_address
        self._takedown_waits = takedown_waits
        self._records = ChunkRecords(database)
        self._hidden = hidden
        self._quarantine = quarantine
        self._outcomes = outcomes

    def build(
        self, stage: ComputedStage, snapshot: Snapshot, progress: RowProgress = lambda _: None
    ) -> StageBuild:
        """Bring a stage, and the stages before it, to a snapshot.

        Contributions that are clean aren't cleaned again. While another build runs, in this or
        another process, this one waits for it.

        Args:
            stage: The stage.
            snapshot: Snapshot of the contributions, live or not.
            progress: Called with numbers of rows that are done; their sum is `total_rows`.

        Raises:
            RowsMiscounted: The rules returned more or fewer rows than they were given.
            CommitConflict: Another writer committed to a table of the stage.
            SettingsError: The Ray cluster can't be used.
            TakedownWaits: Contributions have to be erased from the stages first.
        """

        def advance(rows: int) -> None:
            progress(rows)
            if self._takedown_waits():
                raise TakedownWaits

        table = load_table(self._catalog)
        with holding(self._database.lock(BUILD_LOCK)), held(table):
            rules = self._rules()
            chunks, built = self._clean(table, snapshot, rules, advance)
            quarantined = self._put_into_quarantine(built)
            if quarantined:
                # Hidden from now on, so the stages are built without them.
                computed = built.computed_rows
                chunks, built = self._clean(table, snapshot, rules, lambda _: None)
                computed += built.computed_rows
                built = replace(built, computed_rows=computed, quarantined_rows=quarantined)
            if stage == "cleaned":
                return built
            return self._build_curated(built, chunks, rules, advance)

    @staticmethod
    def total_rows(stage: ComputedStage, snapshot: Snapshot) -> int:
        """Return the number of rows that a build does: all of the snapshot, once for each stage."""
        return snapshot.total_rows * (list(COMPUTED_STAGES).index(stage) + 1)

    def _clean(
        self, table: Table, snapshot: Snapshot, rules: StageRules, progress: RowProgress
    ) -> tuple[list[Chunk], StageBuild]:
        """Bring `cleaned` to a snapshot, and return the snapshot's chunks and the build."""
        view = SnapshotView(table, snapshot)
        excluded = ExcludedIds(self._replaced.as_of(view), self._hidden())
        chunks = list(survey(table, snapshot, excluded, cleaned.QUERY))
        return chunks, self._build_cleaned(table, snapshot, excluded, chunks, rules, progress)

    def _put_into_quarantine(self, built: StageBuild) -> int:
        """Put rows of `cleaned` into quarantine by their scores, and return how many are new there.

        All rows are looked at, not only new ones: an earlier build may have been killed before it
        came to this, and the condition may have changed.
        """
        if self._quarantine is None:
            return 0
        table = load_table(self._catalog, COMPUTED_STAGES["cleaned"].rows)
        return self._quarantine.look_at(stage_rows(table, built.snapshot_id, [ID, "scores"]))

    def _build_cleaned(
        self,
        table: Table,
        snapshot: Snapshot,
        excluded: ExcludedIds,
        chunks: list[Chunk],
        rules: StageRules,
        progress: RowProgress,
    ) -> StageBuild:
        digest = partial(cleaned.cleaned_digest, rules=rules)
        digests = {chunk.start: digest(chunk.digest) for chunk in chunks}
        known = KnownRows(
            load_table(self._catalog, COMPUTED_STAGES["cleaned"].rows),
            load_table(self._catalog, COMPUTED_STAGES["cleaned"].dropped),
            self._records.of("cleaned"),
            digest,
        )
        with StageWriter(self._catalog, "cleaned", self._records) as writer:
            build = cleaned.CleanedBuild(
                table=table,
                snapshot=snapshot,
                excluded=excluded,
                known=known,
                rules=rules,
                runner=runner.start(self._ray_address),
                writer=writer,
            )
            changed = self._records.changes("cleaned", digests)
            snapshot_id, computed = build.run(chunks, changed, progress)
        left_out = Counter(
            superseded=sum(chunk.superseded for chunk in chunks),
            hidden=sum(chunk.hidden for chunk in chunks),
        )
        records = self._records.of("cleaned")
        return StageBuild(
            stage="cleaned",
            source_snapshot_id=snapshot.snapshot_id,
            snapshot_id=snapshot_id,
            rows=_rows(records),
            dropped=_added(left_out, _dropped(records)),
            unscored_rows=self._unscored_rows(snapshot_id) if rules.has_scorers else 0,
            rules={"cleaning": rules.cleaning_version},
            reasons=tuple(each for each in rules.reasons if each.stage == "cleaned"),
            computed_rows=computed,
        )

    def _build_curated(
        self, built: StageBuild, chunks: list[Chunk], rules: StageRules, progress: RowProgress
    ) -> StageBuild:
        table = load_table(self._catalog, COMPUTED_STAGES["cleaned"].rows)
        rows = StageReader(table, built.snapshot_id)
        of_cleaned = self._records.of("cleaned")
        decided_from = curated.decided_from(of_cleaned)
        decided: curated.DecidedChunks | None = None
        changed: dict[datetime, str | None] = {}
        with StageWriter(self._catalog, "curated", self._records) as writer:
            if not writer.stands_for(decided_from):
                decided = curated.DecidedChunks.of(self._decide(rows, rules), chunks)
                digests = curated.curated_digests(of_cleaned, decided)
                changed = self._records.changes("curated", digests)
            curated.write_chunks(writer, rows, chunks, changed, decided, progress)
            snapshot_id = writer.commit(
                {SOURCE_SNAPSHOT_PROPERTY: str(built.source_snapshot_id), **decided_from},
                changed,
                {start: record.rows for start, record in of_cleaned.items()},
            )
        records = self._records.of("curated")
        return StageBuild(
            stage="curated",
            source_snapshot_id=built.source_snapshot_id,
            snapshot_id=snapshot_id,
            rows=_rows(records),
            dropped=_added(built.dropped, _dropped(records)),
            rules={**built.rules, "curating": rules.curating_version},
            reasons=tuple(rules.reasons),
            computed_rows=built.computed_rows,
            unscored_rows=built.unscored_rows,
            quarantined_rows=built.quarantined_rows,
            contaminated=self._contaminated(rules.evaluation_sets),
        )

    def _decide(self, cleaned: StageReader, rules: StageRules) -> Decisions:
        """Decide about all rows of `cleaned`, comparing only what wasn't compared before."""
        if self._outcomes is None:
            return curated.decide_rows(cleaned, rules, {})
        version = f"{rules.cleaning_version} {rules.curating_version}"
        decided = curated.decide_rows(cleaned, rules, self._outcomes.read(version))
        self._outcomes.write(version, decided.outcomes)
        return decided

    def _unscored_rows(self, snapshot_id: int) -> int:
        table = load_table(self._catalog, COMPUTED_STAGES["cleaned"].rows)
        scores = (batch.column(0) for batch in stage_rows(table, snapshot_id, ["scores"]))
        return sum(is_unscored(each).true_count for each in scores)

    def _contaminated(self, sets: Sequence[EvaluationSet]) -> dict[EvaluationSet, int]:
        """Return how many of the rows that `curated` drops overlap with each evaluation set."""
        table = load_table(self._catalog, COMPUTED_STAGES["curated"].dropped)
        snapshot = table.current_snapshot()
        counts = Counter[str | None]()
        if snapshot and sets:
            for batch in stage_rows(table, snapshot.snapshot_id, ["evaluation_set"]):
                counts.update(batch.column(0).drop_null().to_pylist())
        return {known: counts[known.name] for known in sets}


def _rows(records: Mapping[datetime, ChunkRecord]) -> int:
    return sum(record.rows for record in records.values())


def _dropped(records: Mapping[datetime, ChunkRecord]) -> Counter[str]:
    return sum((Counter(record.dropped) for record in records.values()), Counter())


def _added(earlier: Mapping[str, int], own: Mapping[str, int]) -> dict[str, int]:
    """Return the sums of two counts, without zeros, those of `earlier` first."""
    return dict(Counter(earlier) + Counter(own))
