"""What became of one contribution on its way through the stages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.curation.suppressions import Suppressed, Suppressions
from app.query.contributions import Contributions
from app.query.lineage import Lineage
from app.query.snapshots import SnapshotView
from catalog.records import time_of
from catalog.stage_tables import load_stage, source_of, stage_rows
from catalog.stages import COMPUTED_STAGES, ComputedStage

_FOUND: Final = ("language", "language_confidence", "masked")
_DROPPED: Final = ("reason", "kept_id", "measure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A stage has the contribution.

    Attributes:
        language: ISO 639 code, or und.
        language_confidence: 0 to 1.
        masked: How many of each kind were masked; kinds without any are absent.
    """

    language: str
    language_confidence: float
    masked: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A stage left the contribution out.

    Attributes:
        reason: The first that applied.
        kept_id: The contribution that this rule kept instead.
        measure: What the rule measured.
        kept_dropped: Why a later rule left that one out after all; None when it stayed.
    """

    reason: str
    kept_id: str | None
    measure: float | None
    kept_dropped: "Dropped | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageExplanation:
    """What became of a contribution in a stage, as it was last built.

    Attributes:
        stage: Which stage.
        source_snapshot_id: The snapshot that it was built from; None when it was not built yet.
        found: Whether it has it, or why not; None when it doesn't know of the contribution.
    """

    stage: ComputedStage
    source_snapshot_id: int | None
    found: Kept | Dropped | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What became of a contribution.

    Attributes:
        contribution_id: The contribution, which the raw table has.
        superseded_by: The version that replaced it; None when it is the latest.
        suppressed: By which entries it is suppressed now.
        stages: What became of it in each stage, in their order.
    """

    contribution_id: str
    superseded_by: str | None
    suppressed: tuple[Suppressed, ...]
    stages: tuple[StageExplanation, ...]


class Explanations:
    """Explains what became of contributions, by the tables of the stages as they are now."""

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        contributions: Contributions,
        lineage: Lineage,
        suppressions: Suppressions,
    ) -> None:
        """Explain contributions of a lake.

        Args:
            catalog: Returns the catalog with the tables of the stages.
            contributions: Reads contributions.
            lineage: Knows which contribution a later version replaced.
            suppressions: Knows which contributions the operator suppressed.
        """
        self._catalog = catalog
        self._contributions = contributions
        self._lineage = lineage
        self._suppressions = suppressions

    def explain(self, view: SnapshotView, contribution_id: UUID) -> Explanation:
        """Return what became of a contribution in the newest build of each stage.

        Args:
            view: The lake at a moment.
            contribution_id: The contribution.

        Raises:
            ContributionNotFound: The view doesn't have it.
        """
        columns = ["received_at", "submitter_id"]
        (row,) = self._contributions.get(view, contribution_id, columns).to_pylist()
        name, day = str(contribution_id), row["received_at"].date()
        catalog = self._catalog()
        return Explanation(
            contribution_id=name,
            superseded_by=self._lineage.successor(view, contribution_id),
            suppressed=self._suppressions.of(name, row["submitter_id"]),
            stages=tuple(_look_up(catalog, stage, name, day) for stage in COMPUTED_STAGES),
        )


def _look_up(
    catalog: Catalog, stage: ComputedStage, contribution_id: str, day: date
) -> StageExplanation:
    rows = load_stage(catalog, COMPUTED_STAGES[stage].rows)
    dropped = load_stage(catalog, COMPUTED_STAGES[stage].dropped)
    row = _row(rows, _FOUND, contribution_id, day)
    found = _kept(**row) if row else _dropped(dropped, contribution_id, day)
    return StageExplanation(stage=stage, source_snapshot_id=source_of(rows), found=found)


def _dropped(table: Table, contribution_id: str, day: date) -> Dropped | None:
    """Return why a stage left a contribution out, and, if it did, the one that was kept instead.

    That one is followed in its turn: each was left out by a later rule than the one before it, so
    this ends.
    """
    row = _row(table, _DROPPED, contribution_id, day)
    if row is None:
        return None
    kept_id = row["kept_id"]
    after = _dropped(table, kept_id, time_of(kept_id).date()) if kept_id else None
    return Dropped(**row, kept_dropped=after)


def _row(
    table: Table, columns: Sequence[str], contribution_id: str, day: date
) -> dict[str, Any] | None:
    """Return some columns of a contribution's row in a table of a stage, if it has one."""
    snapshot = table.current_snapshot()
    if snapshot is None:
        return None
    batches = stage_rows(table, snapshot.snapshot_id, columns, [day], [contribution_id])
    return next((row for batch in batches for row in batch.to_pylist()), None)


def _kept(language: str, language_confidence: float, masked: Mapping[str, int]) -> Kept:
    return Kept(
        language=language,
        language_confidence=language_confidence,
        masked={kind: count for kind, count in masked.items() if count},
    )
