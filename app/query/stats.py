"""Counts of contributions and turns by day, source, agent, contributor, rating or model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from app.query.filters import Filters
from app.query.scratch import ScratchDatabase
from app.query.selection import Selection
from app.query.snapshots import SnapshotView
from app.query.text_index.folder import TextIndexes
from app.query.versions import Versions
from catalog.scan import read
from catalog.schema import CONVERSATION, ID

Dimension = Literal["day", "source", "agent_id", "contributor_id", "rating", "model"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
"""The dimensions to group by, those of contributions and then those of turns."""
_OF_TURNS: Final[tuple[Dimension, ...]] = ("rating", "model")

_TYPES: Final[dict[str, pa.DataType]] = {
    "day": pa.date32(),
    **{name: pa.large_string() for name in DIMENSIONS[1:]},
}
_COUNTED_FIELD: Final = f"{CONVERSATION}.stopped"
"""The field of turns that is read when they are only counted: small, and never missing."""
_SOURCE_COLUMNS: Final[dict[str, str]] = {"day": "received_at"}
_COUNTS: Final = ("contributions", "turns")
_COUNTED: Final = pa.schema([*_TYPES.items(), ("turns", pa.int64())])
# A dimension that isn't grouped by is null in every row.
_LARGEST_GROUPS: Final = f"""
    SELECT {", ".join(DIMENSIONS)},
        count(*) AS contributions, sum(turns)::BIGINT AS turns, count(*) OVER () AS total_groups
    FROM counted
    GROUP BY {", ".join(DIMENSIONS)}
    ORDER BY contributions DESC, turns DESC, {", ".join(DIMENSIONS)}
    LIMIT $max_groups
"""  # noqa: S608  # all of it is ours


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


class ContributionStatistics:
    """Counts contributions at a snapshot in bounded memory, however many there are."""

    def __init__(
        self,
        versions: Versions,
        scratch: ScratchDatabase,
        max_groups: int,
        indexes: TextIndexes | None = None,
    ) -> None:
        """Count contributions.

        Args:
            versions: Tells which versions a later one superseded.
            scratch: Sums the counts of batches.
            max_groups: How many groups are returned at most, the largest first.
            indexes: Indexes of texts; None to read all texts.
        """
        self._indexes = indexes
        self._versions = versions
        self._scratch = scratch
        self._max_groups = max_groups

    def count(self, view: SnapshotView, filters: Filters, by: Sequence[Dimension]) -> GroupCounts:
        """Count the selected contributions and their turns by one or more dimensions.

        A group of a rating has the turns with this rating, and the contributions with such a turn,
        so a contribution is counted once for each rating that its turns have. Likewise of a model.

        Raises:
            QueryUnavailable: DuckDB failed.
            VersionsUnavailable: The superseded versions can't be worked out now.
        """
        # Before the scratch database is lent, since this may wait for the versions' thread.
        selection = Selection.of(view, filters, self._versions, self._indexes)
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
    condition = selection.filters.pushed_down()
    columns = [ID, _COUNTED_FIELD, *selection.filters.needed_columns]
    columns += [f"{CONVERSATION}.{name}" for name in by if name in _OF_TURNS]
    columns += [_SOURCE_COLUMNS.get(name, name) for name in by if name not in _OF_TURNS]
    files = selection.view.files(condition)
    return read(selection.view.table, files, columns, condition, selection.candidates)


def count_batch(batch: pa.RecordBatch, by: Sequence[Dimension]) -> pa.RecordBatch:
    """Return the dimensions of each contribution of a batch, and how many turns it has.

    By a dimension of turns, a contribution has a row for each value that its turns have, with the
    number of such turns.
    """
    of_turns = [name for name in by if name in _OF_TURNS]
    if of_turns:
        return _count_turns(batch, by, of_turns)
    return _dimensions(batch, by, turns=pc.list_value_length(batch.column(CONVERSATION)))


def _count_turns(
    batch: pa.RecordBatch, by: Sequence[Dimension], of_turns: Sequence[Dimension]
) -> pa.RecordBatch:
    conversations = batch.column(CONVERSATION)
    flat = pc.list_flatten(conversations)
    columns = {"row": pc.list_parent_indices(conversations)}
    turns = pa.table(columns | {name: pc.struct_field(flat, name) for name in of_turns})
    keys = ["row", *of_turns]
    counts = turns.group_by(keys, use_threads=False).aggregate([([], "count_all")])
    row, *found, number = (column.combine_chunks() for column in counts.columns)
    known = dict(zip(of_turns, found, strict=True))
    return _dimensions(batch.take(row), by, turns=number, **known)


def _dimensions(
    batch: pa.RecordBatch, by: Sequence[Dimension], **known: pa.Array
) -> pa.RecordBatch:
    """Return the dimensions of a batch's rows, null if not grouped by, with the known columns."""
    if "day" in by:
        known["day"] = batch.column("received_at").cast(pa.date32())
    columns = {name: batch.column(name) for name in by if name not in known} | known
    nulls = {name: pa.nulls(batch.num_rows, kind) for name, kind in _TYPES.items()}
    return pa.RecordBatch.from_pydict(nulls | columns, schema=_COUNTED)
