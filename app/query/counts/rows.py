"""Counts of rows and of their turns, together and by the values of some columns."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from app.query.counts.dimensions import DIMENSIONS, Dimension, columns_of, count_batch, turns_of

SUMMED: Final[tuple[Dimension, ...]] = tuple(
    name for name in DIMENSIONS if name not in {"day", "contributor_id"}
)
"""The dimensions that rows are counted by.

All rows of a file are of one day, and contributors have an index of their own.
"""
LANGUAGE: Final = "language"
"""The column by which rows of stages are counted, too."""
COUNTED_COLUMNS: Final = columns_of(SUMMED)
"""The columns and fields of turns that counting needs."""

_MOST_VALUES: Final = 1_000
"""Number of values of a dimension above which a file isn't counted by it."""

Values = dict[str | None, tuple[int, int]]
"""For each value of a dimension the numbers of contributions and of turns."""


class RowCounts(msgspec.Struct, frozen=True):
    """Counts of some rows of the raw table, or of a stage.

    Attributes:
        contributions: Number of rows.
        turns: Number of their turns.
        by: Dimensions, each with its values: the value, the number of contributions with it, and
            that of turns. A dimension with too many values is missing. Counts of stages have some
            columns beside the dimensions.
    """

    contributions: int
    turns: int
    by: dict[str, list[tuple[str | None, int, int]]]

    def says(self, other: "RowCounts") -> bool:
        """Tell whether these counts are the other ones, whose values may come in another order."""
        return (self.contributions, self.turns, _in_order(self.by)) == (
            *(other.contributions, other.turns),
            _in_order(other.by),
        )

    def values_of(self, dimension: Dimension | None) -> list[tuple[str | None, int, int]] | None:
        """Return the values of a dimension with their numbers of contributions and of turns.

        Args:
            dimension: The dimension; None for all rows as one group without a value.

        Returns:
            The values; None if there are too many.
        """
        if dimension is None:
            return [(None, self.contributions, self.turns)]
        return self.by.get(dimension)

    def lacks(self, dimension: str, value: str) -> bool:
        """Tell whether no row has a value; False if there are too many values to know."""
        values = self.by.get(dimension)
        return values is not None and all(each != value for each, _, _ in values)


def _in_order(
    by: Mapping[str, list[tuple[str | None, int, int]]],
) -> dict[str, dict[str | None, tuple[int, int]]]:
    return {
        name: {value: (contributions, turns) for value, contributions, turns in values}
        for name, values in by.items()
    }


def add_up(parts: Iterable[RowCounts]) -> RowCounts:
    """Return the counts of several files of the raw table or of `replaced` together."""
    contributions = turns = 0
    by: dict[str, Values] = {name: {} for name in SUMMED}
    for part in parts:
        contributions += part.contributions
        turns += part.turns
        for name, values in list(by.items()):
            _add(values, part.by.get(name, ()))
            if name not in part.by or len(values) > _MOST_VALUES:
                del by[name]
    return RowCounts(contributions, turns, _listed(by))


def count_rows(batches: Iterable[pa.RecordBatch], names: Sequence[str] = SUMMED) -> RowCounts:
    """Count rows.

    Args:
        batches: Rows with `COUNTED_COLUMNS` at least.
        names: The dimensions, or other columns of texts, that rows are counted by.
    """
    contributions = turns = 0
    by: dict[str, Values] = {name: {} for name in names}
    for batch in batches:
        if not batch.num_rows:
            continue
        contributions += batch.num_rows
        turns += pc.sum(turns_of(batch)).as_py()
        for name, values in list(by.items()):
            _add(values, _values_of(batch, name))
            if len(values) > _MOST_VALUES:
                del by[name]
    return RowCounts(contributions, turns, _listed(by))


def _listed(by: Mapping[str, Values]) -> dict[str, list[tuple[str | None, int, int]]]:
    return {name: [(value, *sums) for value, sums in values.items()] for name, values in by.items()}


def _values_of(batch: pa.RecordBatch, name: str) -> Iterable[tuple[str | None, int, int]]:
    dimension = next((known for known in DIMENSIONS if known == name), None)
    if dimension is None:
        counted = pa.table({name: batch.column(name), "turns": turns_of(batch)})
    else:
        counted = pa.Table.from_batches([count_batch(batch, [dimension])])
    sums = counted.group_by(name, use_threads=False).aggregate(
        [("turns", "sum"), ([], "count_all")]
    )
    columns = (sums[each].to_pylist() for each in (name, "count_all", "turns_sum"))
    return zip(*columns, strict=True)


def _add(values: Values, more: Iterable[tuple[str | None, int, int]]) -> None:
    for value, contributions, turns in more:
        known = values.get(value, (0, 0))
        values[value] = known[0] + contributions, known[1] + turns
