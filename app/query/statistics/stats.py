"""Counts of contributions and turns by day, source, agent, contributor, rating or model."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Final

import pyarrow as pa

from app.query.contributions.narrowing import Narrowing
from app.query.contributions.selection import Selection
from app.query.counts.dimensions import (
    COUNTED_SCHEMA,
    DIMENSIONS,
    Dimension,
    columns_of,
    count_batch,
)
from app.query.counts.groups import COUNTS, GroupCounts
from app.query.counts.summaries import Summaries
from app.query.filters import Filters
from app.query.replaced import ReplacedReader
from app.query.row_index.sums import ContributorSums
from app.query.snapshots import SnapshotView
from app.state.scratch import ScratchDatabase

# A dimension that isn't grouped by is null in every row.
_LARGEST_GROUPS: Final = f"""
    SELECT {", ".join(DIMENSIONS)}, sum(contributions)::BIGINT AS contributions,
        sum(turns)::BIGINT AS turns, count(*) OVER () AS total_groups
    FROM {{source}}
    GROUP BY {", ".join(DIMENSIONS)}
    ORDER BY contributions DESC, turns DESC, {", ".join(DIMENSIONS)}
    LIMIT $max_groups
"""  # noqa: S608  # all of it is ours
_OF_ROWS: Final = _LARGEST_GROUPS.format(source="(SELECT *, 1 AS contributions FROM counted)")
_OF_SUMS: Final = _LARGEST_GROUPS.format(source="counted")
_SUMS_SCHEMA: Final = COUNTED_SCHEMA.append(pa.field("contributions", pa.int64()))


class ContributionStatistics:
    """Counts contributions at a snapshot in bounded memory, however many there are."""

    def __init__(
        self,
        replaced: ReplacedReader,
        summaries: Summaries,
        contributor_sums: ContributorSums,
        scratch: ScratchDatabase,
        max_groups: int,
        narrowing: Narrowing,
    ) -> None:
        """Count contributions.

        Args:
            replaced: Tells what later versions replaced.
            summaries: Counts without looking at each contribution, where that is possible.
            contributor_sums: Counts by contributor from what an index has of files.
            scratch: Sums the counts of batches.
            max_groups: How many groups are returned at most, the largest first.
            narrowing: Tells by indexes which rows may be selected.
        """
        self._replaced = replaced
        self._summaries = summaries
        self._contributor_sums = contributor_sums
        self._narrowing = narrowing
        self._scratch = scratch
        self._max_groups = max_groups

    def count(self, view: SnapshotView, filters: Filters, by: Sequence[Dimension]) -> GroupCounts:
        """Count the selected contributions and their turns by one or more dimensions.

        A group of a rating has the turns with this rating, and the contributions with such a turn,
        so a contribution is counted once for each rating that its turns have. Likewise of a model.

        Raises:
            QueryUnavailable: DuckDB failed.
        """
        if ContributorSums.can_count(filters, by):
            counts = self._contributor_sums.count(view, filters, by, self._max_groups)
            return counts or self.count_each(view, filters, by)
        sums = self._sums(view, filters, by) if Summaries.can_count(filters, by) else None
        if sums is None:
            return self.count_each(view, filters, by)
        return self._largest(_OF_SUMS, sums.to_reader(), by)

    def count_each(
        self, view: SnapshotView, filters: Filters, by: Sequence[Dimension]
    ) -> GroupCounts:
        """Return what `count` does, by looking at each contribution.

        Raises:
            QueryUnavailable: DuckDB failed.
        """
        selected = Selection.of(view, filters, self._replaced, self._narrowing).read(columns_of(by))
        counted = (count_batch(batch, by) for batch in selected if batch.num_rows)
        rows = pa.RecordBatchReader.from_batches(COUNTED_SCHEMA, counted)
        return self._largest(_OF_ROWS, rows, by)

    def _sums(
        self, view: SnapshotView, filters: Filters, by: Sequence[Dimension]
    ) -> pa.Table | None:
        """Return sums by groups from summaries; None if the dimension has too many values."""
        dimension = next((name for name in by if name != "day"), None)
        sums: defaultdict[tuple[date | None, str | None], list[int]] = defaultdict(lambda: [0, 0])
        for part in self._summaries.parts(view, filters, [dimension] if dimension else []):
            values = part.counts.values_of(dimension)
            if values is None:
                return None
            for value, contributions, turns in values:
                group = sums[part.day if "day" in by else None, value]
                group[0] += part.sign * contributions
                group[1] += part.sign * turns
        found = {group: numbers for group, numbers in sums.items() if numbers[0]}
        columns: dict[str, pa.Array] = {
            field.name: pa.nulls(len(found), field.type) for field in _SUMS_SCHEMA
        }
        columns["day"] = pa.array([day for day, _ in found], pa.date32())
        if dimension is not None:
            columns[dimension] = pa.array([value for _, value in found], pa.large_string())
        columns["contributions"] = pa.array([each for each, _ in found.values()], pa.int64())
        columns["turns"] = pa.array([each for _, each in found.values()], pa.int64())
        return pa.table(columns, _SUMS_SCHEMA)

    def _largest(
        self, query: str, counted: pa.RecordBatchReader, by: Sequence[Dimension]
    ) -> GroupCounts:
        with self._scratch.connection() as connection:
            connection.register("counted", counted)
            parameters = {"max_groups": self._max_groups}
            groups = connection.sql(query, params=parameters).to_arrow_table()
        total = groups.column("total_groups")[0].as_py() if groups.num_rows else 0
        in_order = groups.sort_by([(name, "ascending") for name in by])
        return GroupCounts(in_order.select([*by, *COUNTS]), total)
