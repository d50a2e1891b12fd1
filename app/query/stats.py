"""Counts of contributions and turns, grouped by day, source, agent, contributor or rating."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from app.query.filters import Filters
from app.query.scratch import ScratchDatabase
from app.query.selection import Selection
from app.query.snapshots import SnapshotView
from app.query.versions import Versions
from catalog.scan import read
from catalog.schema import CONVERSATION, ID
from catalog.turns import read_turns

Dimension = Literal["day", "source", "agent_id", "submitter_id", "rating"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
"""The dimensions to group by. Turns have the rating; contributions have the other dimensions."""

_TYPES: Final[dict[str, pa.DataType]] = {
    "day": pa.date32(),
    **{name: pa.large_string() for name in DIMENSIONS[1:]},
}
_SOURCE_COLUMNS: Final[dict[str, str]] = {"day": "received_at"}
_COUNTS: Final = ("contributions", "turns")
_COUNTED: Final = pa.schema([*_TYPES.items(), ("turns", pa.int64())])
# A dimension that isn't grouped by is null in every row.
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
    """Counts of contributions and turns by group.

    Attributes:
        groups: A row for each group, sorted by its dimensions. The columns are the dimensions, null
            where contributions have no value, then `contributions` and `turns`.
        total_groups: How many groups there are, those that were left out of `groups` included.
    """

    groups: pa.Table
    total_groups: int

    @property
    def truncated(self) -> bool:
        """Whether the smallest groups were left out."""
        return bool(self.total_groups > self.groups.num_rows)


class Statistics:
    """Counts contributions at a snapshot in bounded memory, however many there are."""

    def __init__(self, versions: Versions, scratch: ScratchDatabase, max_groups: int) -> None:
        """Count contributions.

        Args:
            versions: Tells which versions a later one superseded.
            scratch: Sums the counts of batches.
            max_groups: How many groups are returned at most, the largest first.
        """
        self._versions = versions
        self._scratch = scratch
        self._max_groups = max_groups

    def count(self, view: SnapshotView, filters: Filters, by: Sequence[Dimension]) -> GroupCounts:
        """Count the selected contributions and their turns by one or more dimensions.

        A group of a rating has the turns with this rating, and the contributions with such a turn,
        so a contribution is counted once for each rating that its turns have.

        Raises:
            QueryUnavailable: DuckDB failed.
            VersionsUnavailable: The superseded versions can't be worked out now.
        """
        # Before the scratch database is lent, since this may wait for the versions' thread.
        selection = Selection.of(view, filters, self._versions)
        selected = map(selection.apply, _read(selection, by))
        counted = (count_batch(batch, by) for batch in selected if batch.num_rows)
        with self._scratch.connection() as connection:
            connection.register("counted", pa.RecordBatchReader.from_batches(_COUNTED, counted))
            parameters = {"max_groups": self._max_groups}
            groups = connection.sql(_LARGEST_GROUPS, params=parameters).to_arrow_table()
        total = groups.column("total_groups")[0].as_py() if groups.num_rows else 0
        in_order = groups.sort_by([(name, "ascending") for name in by])
        return GroupCounts(in_order.select([*by, *_COUNTS]), total)


def _read(selection: Selection, by: Sequence[Dimension]) -> Iterator[pa.RecordBatch]:
    """Read the columns that counting and filtering need; of turns, as few fields as possible."""
    table, filters = selection.view.table, selection.filters
    condition = filters.pushed_down()
    files = selection.view.files(condition)
    columns = [ID, *(_SOURCE_COLUMNS.get(name, name) for name in by if name != "rating")]
    if filters.needed_columns:
        # Filters may look at any field of the turns.
        return read(table, files, [*columns, *filters.needed_columns], condition)
    return read_turns(table, files, columns, "rating", condition)


def count_batch(batch: pa.RecordBatch, by: Sequence[Dimension]) -> pa.RecordBatch:
    """Return the dimensions of each contribution of a batch, and how many turns it has.

    By rating, a contribution has a row for each rating of its turns, with the number of such turns.
    """
    if "rating" in by:
        return _count_by_rating(batch, by)
    return _dimensions(batch, by, turns=pc.list_value_length(batch.column(CONVERSATION)))


def _count_by_rating(batch: pa.RecordBatch, by: Sequence[Dimension]) -> pa.RecordBatch:
    conversations = batch.column(CONVERSATION)
    ratings = pc.struct_field(pc.list_flatten(conversations), "rating")
    turns = pa.table({"row": pc.list_parent_indices(conversations), "rating": ratings})
    counts = turns.group_by(["row", "rating"], use_threads=False).aggregate([([], "count_all")])
    row, rating, number = (column.combine_chunks() for column in counts.columns)
    return _dimensions(batch.take(row), by, turns=number, rating=rating)


def _dimensions(
    batch: pa.RecordBatch, by: Sequence[Dimension], **known: pa.Array
) -> pa.RecordBatch:
    """Return the dimensions of a batch's rows, null if not grouped by, with the known columns."""
    if "day" in by:
        known["day"] = batch.column("received_at").cast(pa.date32())
    columns = {name: batch.column(name) for name in by if name not in known} | known
    nulls = {name: pa.nulls(batch.num_rows, kind) for name, kind in _TYPES.items()}
    return pa.RecordBatch.from_pydict(nulls | columns, schema=_COUNTED)
