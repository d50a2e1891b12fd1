"""Puts contributions into quarantine by what scorers say of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.interface import ScoreCondition
from catalog.schema import ID


@dataclass(frozen=True, slots=True)
class ScoreQuarantine:
    """Finds the rows of `cleaned` whose scores meet a condition, and reports them.

    Attributes:
        conditions: The conditions of which a row has to meet one.
        add: Puts contributions into quarantine by their contribution_ids and the condition that
            they meet, and returns how many weren't there. It passes over those that a moderator
            approved of.
    """

    conditions: Sequence[ScoreCondition]
    add: Callable[[Sequence[str], str], int]

    def look_at(self, rows: Iterable[pa.RecordBatch]) -> int:
        """Put rows into quarantine, and return how many of them weren't there.

        Args:
            rows: Rows of `cleaned` with the columns `contribution_id` and `scores`.
        """
        return sum(
            self.add(ids, str(condition))
            for batch in rows
            for condition, ids in self._found(batch)
            if ids
        )

    def _found(self, batch: pa.RecordBatch) -> Iterator[tuple[ScoreCondition, list[str]]]:
        """Yield each condition with the rows that meet it; a row that meets several comes again."""
        elements = pc.list_flatten(batch["scores"])
        categories, scores = (pc.struct_field(elements, name) for name in ("category", "score"))
        for condition in self.conditions:
            is_of_category = pc.equal(categories, condition.category)
            exceeds = pc.and_(is_of_category, pc.greater(scores, condition.above))
            is_met = exceeds.fill_null(False)
            places = pc.list_parent_indices(batch["scores"]).filter(is_met).unique()
            yield condition, batch[ID].take(places).to_pylist()
