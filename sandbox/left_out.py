"""The contributions that a table of a query leaves out, for each file that Arrow reads."""

from collections.abc import Callable, Mapping
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow.fs import FileSystem

from sandbox.protocol import ReplacedFiles

LeftOut = Callable[[str], pa.Array]
"""Returns the contribution_ids to leave out of the data file with a path, ascending."""


class Replaced:
    """Reads which contributions were replaced, for the days of the files that are read."""

    def __init__(
        self,
        files: ReplacedFiles,
        filesystem: FileSystem,
        days: Mapping[str, date],
        hidden: pa.Array,
    ) -> None:
        """Prepare to read.

        Args:
            files: The files that tell what was replaced.
            filesystem: Where they lie.
            days: The days of the data files, by their paths.
            hidden: The contribution_ids that are left out as well, ascending.
        """
        self._files = files
        self._filesystem = filesystem
        self._days = days
        self._hidden = hidden
        self._last: tuple[date | None, pa.Array] = (None, hidden)

    def __call__(self, path: str) -> pa.Array:
        """Return the contribution_ids to leave out of a data file, ascending.

        Raises:
            OSError: A file that tells them can't be read.
            pa.ArrowException: Such a file is broken.
        """
        day, (last_day, left_out) = self._days[path], self._last
        # Files come day by day, so one day is kept.
        if day != last_day:
            ids = map(self._ids_in, self._files.of({day}).paths)
            left_out = pa.concat_arrays([self._hidden, *ids]).sort()
            self._last = day, left_out
        return left_out

    def _ids_in(self, path: str) -> pa.Array:
        with self._filesystem.open_input_file(path) as source:
            ids, numbers = pq.ParquetFile(source).read(self._files.schema.names, use_threads=False)
        last = self._files.last_sequence_number
        counting = ids if last is None else ids.filter(pc.less_equal(numbers, last))
        return counting.combine_chunks().cast(self._hidden.type)
