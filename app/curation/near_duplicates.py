"""The near duplicates of a contribution that the stages left out in its favour."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final
from uuid import UUID

import pyarrow.compute as pc
from pyiceberg.catalog import Catalog

from app.query.contributions.reader import Contributions
from app.query.snapshots import SnapshotView
from catalog.reading.membership import is_among
from catalog.schema import ID
from catalog.stages.reader import stage_rows
from catalog.stages.tables import COMPUTED_STAGES, ComputedStage
from catalog.table import load_table

_KEPT_ID: Final = "kept_id"
_COLUMNS: Final = (ID, _KEPT_ID, "reason", "measure")
_MOST: Final = 50
"""Most near duplicates that are looked for in a stage."""


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A contribution that a stage left out as a duplicate of another one.

    Attributes:
        stage: The stage that left it out.
        contribution_id: The contribution that was left out.
        reason: The reason for which it was left out.
        measure: How alike both are, from 0 to 1; None where the rule measures nothing.
    """

    stage: ComputedStage
    contribution_id: str
    reason: str
    measure: float | None


class NearDuplicates:
    """Finds near duplicates in the newest tables of the stages."""

    def __init__(self, catalog: Callable[[], Catalog], contributions: Contributions) -> None:
        """Find near duplicates.

        Args:
            catalog: Returns the catalog with the tables of the stages.
            contributions: Tells which contributions a reader may see.
        """
        self._catalog = catalog
        self._contributions = contributions

    def of(self, view: SnapshotView, contribution_id: UUID) -> list[NearDuplicate]:
        """Return what the stages left out in favour of a contribution, some dozen at most.

        It reads the ids of all that they left out. What the view doesn't show isn't returned.

        Args:
            view: The lake at a moment.
            contribution_id: The contribution.

        Raises:
            ContributionNotFound: The view doesn't have the contribution.
        """
        self._contributions.get(view, contribution_id, [ID])
        catalog, name = self._catalog(), str(contribution_id)
        found = [
            duplicate
            for stage in COMPUTED_STAGES
            for duplicate in islice(_left_out_for(catalog, stage, name), _MOST)
        ]
        ids = {duplicate.contribution_id for duplicate in found}
        there = self._contributions.find(view, ids, [ID])[ID]
        seen = set(there.filter(pc.invert(is_among(there, view.hidden))).to_pylist())
        return [duplicate for duplicate in found if duplicate.contribution_id in seen]


def _left_out_for(catalog: Catalog, stage: ComputedStage, kept_id: str) -> Iterator[NearDuplicate]:
    table = load_table(catalog, COMPUTED_STAGES[stage].dropped)
    snapshot = table.current_snapshot()
    if snapshot is None:
        return
    for batch in stage_rows(table, snapshot.snapshot_id, _COLUMNS):
        for row in batch.filter(pc.equal(batch[_KEPT_ID], kept_id)).to_pylist():
            yield NearDuplicate(stage, row[ID], row["reason"], row["measure"])
