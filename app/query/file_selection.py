"""The files that filters on days select at a snapshot, and what is left out of their rows."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.query.filters import Filters
from app.query.replaced import NO_ROWS, ReplacedAsOf, ReplacedReader
from app.query.snapshots import SnapshotView
from catalog.reading.membership import NO_IDS, is_among
from catalog.reading.plans import DataFile
from catalog.reading.scan import read_with_ids, schema_of
from catalog.records import day_of
from catalog.replaced import ReplacedFile
from catalog.schema import ID, SEQUENCE_NUMBER

BY_DAY: Final = attrgetter("day")
"""The day of a file."""


class FileSelection:
    """What filters select at a snapshot: the files, and what is left out of them.

    Attributes:
        view: The table as of the snapshot.
        files: The data files of the raw table, oldest day first.
        replaced_files: The data files of `replaced` that name contributions in them.
        number: The sequence number of the snapshot; 0 while the lake is empty.
    """

    def __init__(
        self,
        view: SnapshotView,
        replaced: ReplacedAsOf | None,
        files: list[DataFile],
    ) -> None:
        self.view = view
        self.files = files
        self._replaced = replaced
        self.number = view.snapshot.sequence_number if view.snapshot else 0
        self._by_day = {day: list(found) for day, found in groupby(files, key=BY_DAY)}
        self.replaced_files = [
            file
            for file in (replaced.files() if replaced else ())
            if file.day in self._by_day and file.first_sequence_number <= self.number
        ]

    @classmethod
    def of(cls, view: SnapshotView, filters: Filters, replaced: ReplacedReader) -> Self:
        """Return what filters select.

        Args:
            view: The table as of a snapshot.
            filters: Conditions on days, and no others.
            replaced: Tells which contributions a later version replaced.
        """
        files = view.files(filters.pushed_down())
        return cls(view, None if filters.all_versions else replaced.as_of(view), files)

    def is_whole(self, file: DataFile | ReplacedFile) -> bool:
        """Tell whether the snapshot has all rows of a file."""
        return file.last_sequence_number <= self.number

    def whole_paths(self) -> set[str]:
        """Return the paths of the files of which the snapshot has all rows."""
        files: tuple[DataFile | ReplacedFile, ...] = (*self.files, *self.replaced_files)
        return {file.path for file in files if self.is_whole(file)}

    def count_replaced(self, file: ReplacedFile) -> int:
        """Return how many contributions a file says were replaced by then."""
        return file.rows if self.is_whole(file) else len(self.ids_of(file))

    def replaced_by_day(
        self, files: Sequence[ReplacedFile], columns: Sequence[str]
    ) -> Iterator[tuple[ReplacedFile, pa.Table]]:
        """Yield files of `replaced`, each with the rows that it names; a day is read once.

        Args:
            files: Files of `replaced_files`, in their order.
            columns: The columns; `contribution_id` has to be one of them.
        """
        for day, group in groupby(files, key=BY_DAY):
            of_day = list(group)
            ids = [self.ids_of(file) for file in of_day]
            rows = self.rows(day, pa.concat_arrays([NO_IDS, *ids]).sort(), columns)
            for file, its_ids in zip(of_day, ids, strict=True):
                yield file, rows.filter(is_among(rows[ID], its_ids))

    def ids_of(self, file: ReplacedFile) -> pa.Array:
        """Return the ids of the contributions that a file says were replaced by then, ascending."""
        return self._replaced.ids_of(file) if self._replaced else NO_IDS

    def numbers_of(self, file: ReplacedFile, ids: pa.ChunkedArray) -> NDArray[np.int64]:
        """Return the sequence numbers of the commits that replaced contributions.

        Args:
            file: The file of `replaced_files` that says so.
            ids: The contribution_ids, in any order.
        """
        replaced = self._replaced.rows_of(file) if self._replaced else NO_ROWS
        places = pc.index_in(ids, replaced[ID].cast(NO_IDS.type))
        numbers: NDArray[np.int64] = replaced[SEQUENCE_NUMBER].take(places).to_numpy()
        return numbers

    def rows(self, day: date, ids: pa.Array, columns: Sequence[str]) -> pa.Table:
        """Return the rows of a day with some ids.

        Args:
            day: The day.
            ids: The contribution_ids, ascending.
            columns: The columns; `contribution_id` has to be one of them.
        """
        files = self._by_day.get(day, ())
        batches = read_with_ids(self.view.table, files, ids, columns)
        return pa.Table.from_batches(batches, schema_of(columns))

    def hidden(self, columns: Sequence[str]) -> Iterator[tuple[date, pa.Table]]:
        """Yield, day by day, the rows that the reader may not see and no later version replaced.

        Args:
            columns: The columns; `contribution_id` has to be one of them.
        """
        for day, ids in groupby(self.view.hidden.to_pylist(), key=day_of):
            of_day = pa.array(ids, NO_IDS.type)
            # An id that no server made may be of any day.
            for each in self._by_day if day is None else self._by_day.keys() & {day}:
                rows = self.rows(each, of_day, columns)
                if self._replaced:
                    rows = rows.filter(pc.invert(is_among(rows[ID], self._replaced.on(each))))
                yield each, rows
