"""The filters of a release, by language and by rating."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.releases.recipe import MinRating, Recipe

_MIN_NET_RATINGS: dict[MinRating, int] = {"positive": 1, "neutral": 0}


class ReleaseFilters:
    """Drops the rows that the recipe of a release excludes.

    Attributes:
        dropped: Number of rows dropped so far, by filter: `language` or `rating`. A row that both
            would drop counts as `language`.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._languages = pa.array(recipe.languages, pa.large_string())
        self._min_net_rating = _MIN_NET_RATINGS[recipe.min_rating] if recipe.min_rating else None
        self.dropped: Counter[str] = Counter()

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a stage that pass all filters, in their order."""
        if len(self._languages):
            languages = batch["language"].cast(pa.large_string())
            batch = self._keep(batch, pc.is_in(languages, value_set=self._languages), "language")
        if self._min_net_rating is not None:
            is_wanted = pa.array(_net_ratings(batch["conversation"]) >= self._min_net_rating)
            batch = self._keep(batch, is_wanted, "rating")
        return batch

    def _keep(self, batch: pa.RecordBatch, is_wanted: pa.Array, reason: str) -> pa.RecordBatch:
        kept = batch.filter(is_wanted)
        if kept.num_rows < batch.num_rows:
            self.dropped[reason] += batch.num_rows - kept.num_rows
        return kept


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
