"""The filters of a release: by language, rating, score, licence, model, tools, turns, flags."""

from collections import Counter
from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.releases.recipe import MinRating, Recipe
from catalog.schema import CONVERSATION

_MIN_NET_RATINGS: Final[dict[MinRating, int]] = {"positive": 1, "neutral": 0}

_Test = Callable[[pa.RecordBatch], pa.Array]
"""Tells for each row whether it is kept; none of the results is null."""


class ReleaseFilters:
    """Drops the rows that the recipe of a release excludes.

    Attributes:
        dropped: Number of rows dropped so far, by filter: `language`, `rating`, `quality_score`,
            `licence`, `model`, `tools`, `alternating` or `flagged`. A row that several would drop
            counts as the first of them.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._tests = _tests(recipe)
        self.dropped: Counter[str] = Counter()

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a stage that pass all filters, in their order."""
        for reason, is_kept in self._tests.items():
            kept = batch.filter(is_kept(batch))
            if kept.num_rows < batch.num_rows:
                self.dropped[reason] += batch.num_rows - kept.num_rows
            batch = kept
        return batch


def _tests(recipe: Recipe) -> dict[str, _Test]:
    tests: dict[str, _Test] = {}
    if recipe.languages:
        languages = pa.array(recipe.languages, pa.large_string())
        tests["language"] = lambda batch: pc.is_in(_texts(batch, "language"), value_set=languages)
    if recipe.min_rating is not None:
        least = _MIN_NET_RATINGS[recipe.min_rating]
        tests["rating"] = lambda batch: pa.array(_net_ratings(batch[CONVERSATION]) >= least)
    if (score := recipe.min_quality_score) is not None:
        tests["quality_score"] = lambda batch: _is_at_least(batch, "quality_score", score)
    if recipe.licences:
        # SPDX ids are the same in any case: https://spdx.github.io/spdx-spec/v2.3/SPDX-license-list/
        licences = pa.array([licence.lower() for licence in recipe.licences], pa.large_string())
        own = recipe.licence.lower()
        tests["licence"] = lambda batch: pc.is_in(
            pc.utf8_lower(_texts(batch, "licence")).fill_null(own), value_set=licences
        )
    if recipe.models:
        models = pa.array(recipe.models, pa.large_string())
        tests["model"] = lambda batch: pc.or_(
            pc.is_in(_texts(batch, "agent_id"), value_set=models),
            in_any_turn(batch, "model", lambda names: pc.is_in(names, value_set=models)),
        )
    return tests | _tests_of_turns(recipe)


def _tests_of_turns(recipe: Recipe) -> dict[str, _Test]:
    tests: dict[str, _Test] = {}
    if recipe.has_tools is not None:
        wanted = pa.scalar(recipe.has_tools)
        tests["tools"] = lambda batch: pc.equal(_has_tools(batch), wanted)
    if recipe.alternating:
        tests["alternating"] = _is_regular
    if recipe.flagged != "keep":
        flagged = pa.scalar(recipe.flagged == "only")
        tests["flagged"] = lambda batch: pc.equal(_is_flagged(batch), flagged)
    return tests


def _has_tools(batch: pa.RecordBatch) -> pa.Array:
    """Tell for each conversation whether tools were offered to the model or called."""
    offered = pc.is_valid(_texts(batch, "tools"))
    return pc.or_(offered, in_any_turn(batch, "tool_calls", has_elements))


def _is_regular(batch: pa.RecordBatch) -> pa.Array:
    """Tell for each conversation whether strict chat templates take it."""
    if "irregular" not in batch.schema.names:
        return pa.repeat(pa.scalar(value=True), batch.num_rows)
    return pc.invert(has_elements(batch["irregular"]))


def _is_flagged(batch: pa.RecordBatch) -> pa.Array:
    """Tell for each conversation whether a scorer flagged one of its turns."""
    if "flags" not in batch.schema.names:
        return pa.repeat(pa.scalar(value=False), batch.num_rows)
    return pc.is_valid(batch["flags"])


def has_elements(lists: pa.Array) -> pa.Array:
    """Tell for each list whether it has an element; null has none."""
    return pc.greater(pc.list_value_length(lists), 0).fill_null(False)


def in_any_turn(
    batch: pa.RecordBatch, field: str, test: Callable[[pa.Array], pa.Array]
) -> pa.Array:
    """Tell for each conversation whether a field of one of its turns passes a test."""
    turns = batch[CONVERSATION].flatten()
    if turns.type.get_field_index(field) < 0:
        return pa.repeat(pa.scalar(value=False), batch.num_rows)
    rows = pc.list_parent_indices(batch[CONVERSATION]).filter(test(turns.field(field)))
    return pc.is_in(pa.array(np.arange(batch.num_rows), rows.type), value_set=rows.unique())


def _is_at_least(batch: pa.RecordBatch, name: str, least: float) -> pa.Array:
    """Tell for each row whether a column has no number in it, or at least this one."""
    if name not in batch.schema.names:
        return pa.repeat(pa.scalar(value=True), batch.num_rows)
    return pc.greater_equal(batch[name], least).fill_null(True)


def _texts(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Return a column of texts; nulls where no data file has it."""
    if name not in batch.schema.names:
        return pa.nulls(batch.num_rows, pa.large_string())
    return batch[name].cast(pa.large_string())


def _net_ratings(conversations: pa.Array) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return for each conversation the number of positive ratings minus that of negative ones."""
    ratings = conversations.flatten().field("rating")
    positions = pc.list_parent_indices(conversations).to_numpy(zero_copy_only=False)
    positive, negative = (
        np.bincount(
            positions[pc.equal(ratings, rating).fill_null(False).to_numpy(zero_copy_only=False)],
            minlength=len(conversations),
        )
        for rating in ("positive", "negative")
    )
    return positive - negative
