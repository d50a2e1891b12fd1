"""How many contributions and turns there are, by what they have in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from app.query.filters import Filters
from app.query.scratch import ScratchDatabase
from app.query.selection import files_of
from app.query.snapshots import SnapshotView
from app.query.versions import Versions
from catalog.membership import ID, NO_IDS, without
from catalog.scan import read
from catalog.turns import CONVERSATION, read_turns

Dimension = Literal["day", "source", "agent_id", "submitter_id", "rating"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
"""What contributions can be grouped by. A rating is of turns, everything else of contributions."""

_TYPES: Final[dict[str, pa.DataType]] = {
    "day": pa.date32(),
    **{name: pa.large_string() for name in DIMENSIONS[1:]},
}
_SOURCES: Final[dict[str, str]] = {"day": "received_at"}
_COUNTS: Final = ("contributions", "turns")
_COUNTED: Final = pa.schema([*_TYPES.items(), ("turns", pa.int64())])
# What isn't grouped by is null in every row.
_LARGEST_GROUPS: Final = """
    SELECT day, source, agent_id, submitter_id, rating,
        count(*) AS contributions, sum(turns)::BIGINT AS turns, count(*) OVER () AS total_groups
    FROM counted
    GROUP BY day, source, agent_id, submitter_id, rating
    ORDER BY contributions DESC, turns DESC, day, source, agent_id, submitter_id, rating
    LIMIT $max_groups
"""


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Counts by group.

    Attributes:
        groups: The dimensions, null for what has no value, and then `contributions` and `turns`;
            in the order of the dimensions.
        total_groups: How many groups there are; more than are told, when the smallest are left out.
    """

    groups: pa.Table
    total_groups: int

    @property
    def truncated(self) -> bool:
        """Whether groups are left out."""
        return bool(self.total_groups > self.groups.num_rows)


class Statistics:
    """Counts contributions at a snapshot in memory that their number doesn't change."""

    def __init__(self, versions: Versions, scratch: ScratchDatabase, max_groups: int) -> None:
        """Count with these versions, and tell the largest `max_groups` groups."""
        self._versions = versions
        self._scratch = scratch
        self._max_groups = max_groups

    def count(self, view: SnapshotView, filters: Filters, by: Sequence[Dimension]) -> GroupCounts:
        """Count the selected contributions and their turns by one or more dimensions.

        By rating, the turns with a rating are counted, and the contributions that have such a turn:
        one with turns of several ratings counts in each of their groups.

        Raises:
            QueryUnavailable: DuckDB failed.
            VersionsUnavailable: It failed at finding the replaced versions.
        """
        selected = self._selected(view, filters, by)
        counted = (_counted(batch, by) for batch in selected if batch.num_rows)
        with self._scratch.connection() as connection:
            connection.register("counted", pa.RecordBatchReader.from_batches(_COUNTED, counted))
            parameters = {"max_groups": self._max_groups}
            groups = connection.sql(_LARGEST_GROUPS, params=parameters).to_arrow_table()
        total = groups.column("total_groups")[0].as_py() if groups.num_rows else 0
        in_order = groups.sort_by([(name, "ascending") for name in by])
        return GroupCounts(in_order.select([*by, *_COUNTS]), total)

    def _selected(
        self, view: SnapshotView, filters: Filters, by: Sequence[Dimension]
    ) -> Iterator[pa.RecordBatch]:
        """Yield what is counted. Which versions don't count is found at once, before the turn."""
        condition = filters.pushed_down()
        files = files_of(view, condition)
        replaced = NO_IDS if filters.all_versions else self._versions.replaced_in(view)
        columns = [ID, *(_SOURCES.get(name, name) for name in by if name != "rating")]
        batches = (
            # What filters look at may be any field of the turns.
            read(view.table, files, [*columns, *filters.needed_columns], condition)
            if filters.needed_columns
            else read_turns(view.table, files, columns, "rating", condition)
        )
        return (filters.select(without(batch, replaced)) for batch in batches)


def _counted(batch: pa.RecordBatch, by: Sequence[Dimension]) -> pa.RecordBatch:
    """Return the dimensions of each contribution, and how many turns it has."""
    if "rating" in by:
        return _counted_by_rating(batch, by)
    return _dimensions(batch, by, turns=pc.list_value_length(batch.column(CONVERSATION)))


def _counted_by_rating(batch: pa.RecordBatch, by: Sequence[Dimension]) -> pa.RecordBatch:
    """Return a row for each rating that a contribution has, and how many turns have it."""
    conversations = batch.column(CONVERSATION)
    ratings = pc.struct_field(pc.list_flatten(conversations), "rating")
    turns = pa.table({"row": pc.list_parent_indices(conversations), "rating": ratings})
    counts = turns.group_by(["row", "rating"], use_threads=False).aggregate([([], "count_all")])
    row, rating, number = (column.combine_chunks() for column in counts.columns)
    return _dimensions(batch.take(row), by, turns=number, rating=rating)


def _dimensions(
    batch: pa.RecordBatch, by: Sequence[Dimension], **known: pa.Array
) -> pa.RecordBatch:
    if "day" in by:
        known["day"] = batch.column("received_at").cast(pa.date32())
    columns = {name: batch.column(name) for name in by if name not in known} | known
    nulls = {name: pa.nulls(batch.num_rows, kind) for name, kind in _TYPES.items()}
    return pa.RecordBatch.from_pydict(nulls | columns, schema=_COUNTED)
