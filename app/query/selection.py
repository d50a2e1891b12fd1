"""The rows of a view that filters select, read file by file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa
from pyiceberg.expressions import And, BooleanExpression

from app.query.filters import Filters
from app.query.snapshots import SnapshotView
from catalog.membership import ID, without
from catalog.scan import EVERY_ROW, DataFile, plan, read


@dataclass(frozen=True, slots=True)
class Selection:
    """The contributions that filters select from a view.

    Attributes:
        view: The moment of the lake.
        filters: Which contributions.
        replaced: The ids of the versions that don't count, ascending.
    """

    view: SnapshotView
    filters: Filters
    replaced: pa.Array

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield some columns of the selected rows, day by day.

        Batches without rows come too: a reader may stop the scan at each. What can fail before the
        first row fails now, and not in the middle of an answer.
        """
        condition = self.filters.pushed_down()
        return self._read(files_of(self.view, condition), columns, condition)

    def days(
        self, columns: Sequence[str], within: BooleanExpression = EVERY_ROW, *, newest_first: bool
    ) -> Iterator[Iterator[pa.RecordBatch]]:
        """Yield the batches of each day that may have selected rows, apart from the other days.

        The files of a day aren't opened until its batches are asked for.
        """
        condition = And(self.filters.pushed_down(), within)
        files = files_of(self.view, condition)
        for _, day in groupby(files[::-1] if newest_first else files, key=lambda file: file.day):
            yield self._read(list(day), columns, condition)

    def _read(
        self, files: Sequence[DataFile], columns: Sequence[str], condition: BooleanExpression
    ) -> Iterator[pa.RecordBatch]:
        needed = sorted({*columns, ID, *self.filters.needed_columns})
        for batch in read(self.view.table, files, needed, condition):
            # Comparing ids is cheap; what filters have left to do reaches into conversations.
            selected = self.filters.select(without(batch, self.replaced))
            yield selected.select(list(columns))


def files_of(view: SnapshotView, condition: BooleanExpression = EVERY_ROW) -> list[DataFile]:
    """Return the files that may hold matching rows of a view, oldest day first."""
    return plan(view.table, view.snapshot, condition) if view.snapshot else []
