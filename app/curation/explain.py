"""What became of one contribution on its way through the stages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from pyiceberg.catalog import Catalog

from app.curation.suppressions import Suppressed
from catalog.stage_tables import load_stage, source_of, stage_rows
from catalog.stages import STAGES, StageName

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
        kept_id: The contribution that was kept instead.
        measure: What the rule measured.
    """

    reason: str
    kept_id: str | None
    measure: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFate:
    """What became of a contribution in a stage, as it was last built.

    Attributes:
        stage: Which stage.
        source_snapshot_id: The snapshot that it was built from; None when it was not built yet.
        found: Whether it has it, or why not; None when it doesn't know of the contribution.
    """

    stage: StageName
    source_snapshot_id: int | None
    found: Kept | Dropped | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
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
    stages: tuple[StageFate, ...]


def look_up(catalog: Catalog, contribution_id: str, day: date) -> tuple[StageFate, ...]:
    """Return what became of a contribution in each stage, as the newest build has it.

    Args:
        catalog: The catalog.
        contribution_id: The contribution.
        day: The day (UTC) on which it was received.
    """
    return tuple(_look_up(catalog, stage, contribution_id, day) for stage in STAGES)


def _look_up(catalog: Catalog, stage: StageName, contribution_id: str, day: date) -> StageFate:
    rows = load_stage(catalog, STAGES[stage].rows)
    dropped = load_stage(catalog, STAGES[stage].dropped)
    found: Kept | Dropped | None = None
    for table, columns in ((rows, _FOUND), (dropped, _DROPPED)):
        snapshot = table.current_snapshot()
        if snapshot is None:
            continue
        for batch in stage_rows(table, snapshot.snapshot_id, columns, [day], [contribution_id]):
            for row in batch.to_pylist():
                found = _kept(**row) if table is rows else Dropped(**row)
    return StageFate(stage=stage, source_snapshot_id=source_of(rows), found=found)


def _kept(language: str, language_confidence: float, masked: Mapping[str, int]) -> Kept:
    return Kept(
        language=language,
        language_confidence=language_confidence,
        masked={kind: count for kind, count in masked.items() if count},
    )
