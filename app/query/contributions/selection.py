"""Reading the contributions that filters select at a snapshot, file by file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Self

import pyarrow as pa
from pyiceberg.expressions import And, BooleanExpression

from app.query.contributions.narrowing import Narrowing
from app.query.filters import Filters
from app.query.replaced import ReplacedAsOf, ReplacedReader
from app.query.snapshots import SnapshotView
from catalog.reading.membership import NO_IDS, without
from catalog.reading.plans import EVERY_ROW, DataFile
from catalog.reading.scan import CandidateRows, read, schema_of
from catalog.schema import ID


@dataclass(frozen=True, slots=True)
class DayOfRows:
    """A day that may have selected rows.

    Attributes:
        day: The day on which they were received, in UTC.
        rows: Number of all rows of the files that are opened for it.
        batches: The selected rows, whose files aren't opened before.
    """

    day: date
    rows: int
    batches: Iterator[pa.RecordBatch]


@dataclass(frozen=True, slots=True)
class Selection:
    """The contributions that filters select at a snapshot.

    Attributes:
        view: The table as of the snapshot; what it hides isn't selected.
        filters: The conditions that selected contributions meet.
        replaced: What later versions had replaced, and is left out; None to leave nothing out.
        condition: The condition on whole columns that selected contributions meet.
        candidates: Tells which rows of a file may be selected, as far as an index knows.
    """

    view: SnapshotView
    filters: Filters
    replaced: ReplacedAsOf | None
    condition: BooleanExpression
    candidates: CandidateRows

    @classmethod
    def of(
        cls,
        view: SnapshotView,
        filters: Filters,
        replaced: ReplacedReader,
        narrowing: Narrowing,
    ) -> Self:
        """Return what filters select, without replaced versions unless the filters ask for them.

        Args:
            view: The table as of a snapshot.
            filters: The conditions.
            replaced: Tells what later versions replaced.
            narrowing: Tells by indexes which rows may be selected.
        """
        left_out = None if filters.all_versions else replaced.as_of(view)
        condition = And(filters.pushed_down(), narrowing.condition(view, filters))
        return cls(view, filters, left_out, condition, narrowing.candidates(filters))

    def read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the selected rows with some columns or fields of turns, and what filters need.

        It is as `batches` is, but for the order of the columns and those that come in addition.
        """
        return self._select(self.view.files(self.condition), columns, self.condition)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield some columns of the selected rows, day by day.

        Batches without rows are yielded too, so that a reader can stop the scan at any of them. The
        scan is planned in this call, so that what fails in planning fails before an answer begins.
        """
        return self._read(self.view.files(self.condition), columns, self.condition)

    def days(
        self,
        columns: Sequence[str],
        within: BooleanExpression = EVERY_ROW,
        is_needed: Callable[[DataFile], bool] = lambda _: True,
        *,
        newest_first: bool,
    ) -> Iterator[DayOfRows]:
        """Yield each day that may have selected rows.

        Args:
            columns: The columns of the batches.
            within: A further condition that rows meet.
            is_needed: Tells whether a file is to be opened, when those before it were read.
            newest_first: Whether the newest day comes first, rather than the oldest.
        """
        condition = And(self.condition, within)
        files = self.view.files(condition)
        for day, found in groupby(
            files[::-1] if newest_first else files, key=lambda file: file.day
        ):
            of_day = list(found)
            batches = self._read(filter(is_needed, of_day), columns, condition)
            yield DayOfRows(day, sum(file.rows for file in of_day), batches)

    def _read(
        self, files: Iterable[DataFile], columns: Sequence[str], condition: BooleanExpression
    ) -> Iterator[pa.RecordBatch]:
        names = schema_of(columns).names
        for batch in self._select(files, columns, condition):
            yield batch.select(names)

    def _select(
        self, files: Iterable[DataFile], columns: Sequence[str], condition: BooleanExpression
    ) -> Iterator[pa.RecordBatch]:
        needed = sorted({*columns, ID, *self.filters.needed_columns})
        for day, of_day in groupby(files, key=lambda file: file.day):
            replaced: pa.Array | None = None
            for batch in read(self.view.table, of_day, needed, condition, self.candidates):
                if batch.num_rows and replaced is None:
                    # Of a day without a row that meets the condition, nothing need be known.
                    replaced = self.replaced.on(day) if self.replaced else NO_IDS
                # Comparing ids is cheap; the conditions that are left look into conversations.
                shown = without(batch, self.view.hidden)
                yield self.filters.select(without(shown, NO_IDS if replaced is None else replaced))
