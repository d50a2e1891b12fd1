"""Explains whether each stage kept or dropped a contribution, and why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.access.visibility.hidden import HiddenContributions
from app.curation.errors import NotInStage
from app.query.browsing.reviews import Score
from app.query.contributions.reader import Contributions
from app.query.history.lineage import Lineage
from app.query.snapshots import SnapshotView
from catalog.reading.membership import is_among
from catalog.schema import ID
from catalog.stages.builds import source_of
from catalog.stages.reader import stage_rows
from catalog.stages.tables import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table

_KEPT_COLUMNS: Final = (
    *("language", "language_confidence", "masked"),
    *("quality_score", "scores", "flags"),
)
_DROPPED_COLUMNS: Final = ("reason", "kept_id", "measure", "evaluation_set")


@dataclass(frozen=True, slots=True)
class Flag:
    """A turn that a scorer flagged.

    Attributes:
        turn: The place of the turn, from 0.
        category: What it is flagged for.
    """

    turn: int
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The stage has the contribution.

    Attributes:
        language: ISO 639 code of the conversation's language; `und` when it isn't known.
        language_confidence: Confidence in the language, from 0 to 1.
        masked: Number of places that were masked, by kind; kinds without any are absent.
        quality_score: Chance that judges prefer its answers to average ones, from 0 to 1; None when
            it can't be told.
        scores: What scorers say of it.
        flags: The turns that scorers flagged.
    """

    language: str
    language_confidence: float
    masked: Mapping[str, int]
    quality_score: float | None
    scores: Sequence[Score]
    flags: Sequence[Flag]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """The stage dropped the contribution.

    Attributes:
        reason: The first reason that applied.
        kept_id: Of a duplicate, the contribution that was kept instead; None otherwise, and where
            the reader may not see that one.
        measure: The value that the rule compared with its threshold; None when it measures none.
        evaluation_set: The evaluation set that it overlaps with; None otherwise.
        kept_dropped: Why a later rule dropped the contribution `kept_id` as well; None when the
            stage has it.
    """

    reason: str
    kept_id: str | None
    measure: float | None
    evaluation_set: str | None
    kept_dropped: "Dropped | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageExplanation:
    """Whether the newest build of a stage kept or dropped a contribution.

    Attributes:
        stage: Name of the stage.
        source_snapshot_id: The snapshot that the stage was built from; None when it was never
            built.
        outcome: Whether the stage kept or dropped the contribution; None when neither of its tables
            has it.
    """

    stage: ComputedStage
    source_snapshot_id: int | None
    outcome: Kept | Dropped | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What became of a contribution.

    Attributes:
        contribution_id: The contribution, which the raw table has.
        superseded_by: Id of the version that superseded it; None when it is the latest.
        hidden: The causes for which it is hidden from readers now.
        stages: The explanation for `cleaned`, then the one for `curated`.
    """

    contribution_id: str
    superseded_by: str | None
    hidden: frozenset[str]
    stages: tuple[StageExplanation, ...]


class Explanations:
    """Explains what became of contributions, from the newest tables of the stages."""

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        contributions: Contributions,
        lineage: Lineage,
        hidden: HiddenContributions,
    ) -> None:
        """Explain contributions of a lake.

        Args:
            catalog: Returns the catalog with the tables of the stages.
            contributions: Reads contributions.
            lineage: Knows which contribution a later version superseded.
            hidden: Knows which contributions are hidden from readers, and why.
        """
        self._catalog = catalog
        self._contributions = contributions
        self._lineage = lineage
        self._hidden = hidden

    def row(self, view: SnapshotView, stage: ComputedStage, contribution_id: UUID) -> pa.Table:
        """Return a contribution as the newest build of a stage has it, as a table of one row.

        Args:
            view: The lake at a moment.
            stage: The stage.
            contribution_id: The contribution.

        Raises:
            ContributionNotFound: The view doesn't have the contribution.
            NotInStage: The stage doesn't have it.
        """
        self._contributions.get(view, contribution_id, [ID])
        table = load_table(self._catalog(), COMPUTED_STAGES[stage].rows)
        snapshot = table.current_snapshot()
        if snapshot is not None:
            rows = stage_rows(table, snapshot.snapshot_id, ids=[str(contribution_id)])
            if found := [batch for batch in rows if batch.num_rows]:
                return pa.Table.from_batches(found)
        raise NotInStage(str(contribution_id), stage)

    def explain(
        self, view: SnapshotView, contribution_id: UUID, unnamed: pa.Array | None = None
    ) -> Explanation:
        """Return what became of a contribution in the newest build of each stage.

        Args:
            view: The lake at a moment.
            contribution_id: The contribution.
            unnamed: The contribution_ids, ascending, that aren't named as what was kept instead;
                None for those that the view hides.

        Raises:
            ContributionNotFound: The view doesn't have the contribution.
        """
        hidden = view.hidden if unnamed is None else unnamed
        superseded_by = self._lineage.successor(view, contribution_id)
        name = str(contribution_id)
        catalog = self._catalog()
        return Explanation(
            contribution_id=name,
            superseded_by=superseded_by,
            hidden=self._hidden.causes(name),
            stages=tuple(_look_up(catalog, stage, name, hidden) for stage in COMPUTED_STAGES),
        )


def _look_up(
    catalog: Catalog, stage: ComputedStage, contribution_id: str, hidden: pa.Array
) -> StageExplanation:
    rows = load_table(catalog, COMPUTED_STAGES[stage].rows)
    dropped = load_table(catalog, COMPUTED_STAGES[stage].dropped)
    row = _row(rows, _KEPT_COLUMNS, contribution_id)
    outcome = _kept(**row) if row else _dropped(dropped, contribution_id, hidden)
    return StageExplanation(stage=stage, source_snapshot_id=source_of(rows), outcome=outcome)


def _dropped(table: Table, contribution_id: str, hidden: pa.Array) -> Dropped | None:
    """Return why a stage dropped a contribution, None if it didn't.

    The contribution that was kept instead may have been dropped by a later rule: it is looked up in
    the same way. Each step goes to a later rule, so this ends.
    """
    row = _row(table, _DROPPED_COLUMNS, contribution_id)
    if row is None:
        return None
    kept_id = row["kept_id"]
    if kept_id is None or is_among(pa.array([kept_id], hidden.type), hidden)[0].as_py():
        return Dropped(**{**row, "kept_id": None})
    return Dropped(**row, kept_dropped=_dropped(table, kept_id, hidden))


def _row(table: Table, columns: Sequence[str], contribution_id: str) -> dict[str, Any] | None:
    """Return columns of a contribution's row in a table of a stage; None if it has no row."""
    snapshot = table.current_snapshot()
    if snapshot is None:
        return None
    batches = stage_rows(table, snapshot.snapshot_id, columns, [contribution_id])
    return next((row for batch in batches for row in batch.to_pylist()), None)


def _kept(
    masked: Mapping[str, int],
    scores: Sequence[Mapping[str, Any]] | None,
    flags: Sequence[Mapping[str, Any]] | None,
    **others: Any,
) -> Kept:
    return Kept(
        masked={kind: count for kind, count in masked.items() if count},
        scores=[Score(**score) for score in scores or ()],
        flags=[Flag(**flag) for flag in flags or ()],
        **others,
    )
