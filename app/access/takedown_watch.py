"""Keeping out of what is built what is taken down while it is built."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from app.access.errors import TakenDownMeanwhile
from app.access.takedowns import Takedowns
from catalog.membership import NO_IDS, without
from catalog.schema import ID


class TakedownWatch:
    """Watches the rows that a build reads.

    Rows that are taken down before they are read are left out. If one is taken down that may have
    been read already, the build has to end.
    """

    def __init__(self, takedowns: Takedowns, name: str) -> None:
        """Begin before anything is read.

        Args:
            takedowns: The takedowns of the lake.
            name: Name of what is built.
        """
        self._takedowns = takedowns
        self._name = name
        # Before the ids: what is recorded in between is only looked at twice.
        self._newest = takedowns.newest_id()
        self._ids = takedowns.unfinished_ids()
        self._last_read = ""

    def left(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield rows without those that are taken down by then.

        Args:
            batches: Rows with their contribution_id, in any order.

        Raises:
            TakenDownMeanwhile: A row that was yielded may be taken down.
        """
        for batch in batches:
            self.check()
            left = without(batch, self._ids)
            if left.num_rows:
                self._last_read = max(self._last_read, *left[ID].to_pylist())
            yield left

    def check(self) -> None:
        """Return if nothing that was read has been taken down since.

        Raises:
            TakenDownMeanwhile: A row that was read may be taken down.
        """
        new = self.new_ids()
        if len(new) and new[0].as_py() <= self._last_read:
            raise TakenDownMeanwhile(self._name)

    def new_ids(self) -> pa.Array:
        """Return the contribution_ids that were taken down since this was last called, ascending.

        It takes one query of one row when there are none.
        """
        newest = self._takedowns.newest_id()
        if newest == self._newest:
            return NO_IDS
        rows = self._takedowns.rows(after=self._newest)
        new = pa.array([row.contribution_id for row in rows], NO_IDS.type).sort()
        # A takedown that came after `newest` was read is read again, which does no harm.
        self._newest = newest
        self._ids = pa.concat_arrays([self._ids, new]).sort()
        return new
