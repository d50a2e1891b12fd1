"""Keeping out of what is built what is hidden while it is built.

That is what is taken down, put into quarantine, or sent by somebody who is banned.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from app.access.errors import HiddenMeanwhile
from app.access.hidden import HiddenContributions
from app.access.takedowns.contributions import TakenDownContributions
from catalog.membership import NO_IDS, without
from catalog.schema import ID


class HiddenWatch:
    """Watches the rows that a build reads.

    Rows that are hidden before they are read are left out. If one is hidden that may have been read
    already, the build has to end.
    """

    def __init__(
        self, taken_down: TakenDownContributions, hidden: HiddenContributions, name: str
    ) -> None:
        """Begin before anything is read.

        Args:
            taken_down: What was taken down in the lake.
            hidden: The list of what is hidden.
            name: Name of what is built.
        """
        self._taken_down = taken_down
        self._hidden = hidden
        self._name = name
        # Before the list: what is recorded in between is only looked at twice.
        self._newest_takedown = taken_down.newest_takedown_id()
        listed = hidden.listed()
        self._list_number, self._ids = listed.number, listed.ids
        self._last_read = ""

    def left(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield rows without those that are hidden by then.

        Args:
            batches: Rows with their contribution_id, in any order.

        Raises:
            HiddenMeanwhile: A row that was yielded may be hidden.
        """
        for batch in batches:
            self.check()
            left = without(batch, self._ids)
            if left.num_rows:
                self._last_read = max(self._last_read, *left[ID].to_pylist())
            yield left

    def check(self) -> None:
        """Return if nothing that was read has been hidden since.

        It takes two queries of one row when nothing is new.

        Raises:
            HiddenMeanwhile: A row that was read may be hidden.
        """
        # What was taken down and erased between two looks isn't in the list any more.
        for new in (self._newly_hidden(), self.newly_taken_down()):
            if len(new) and new[0].as_py() <= self._last_read:
                raise HiddenMeanwhile(self._name)

    def newly_taken_down(self) -> pa.Array:
        """Return the contribution_ids that were taken down since the last look, ascending.

        It takes one query of one row when there are none.
        """
        newest = self._taken_down.newest_takedown_id()
        if newest == self._newest_takedown:
            return NO_IDS
        rows = self._taken_down.rows(after=self._newest_takedown)
        new = pa.array([row.contribution_id for row in rows], NO_IDS.type).sort()
        # A takedown that came after `newest` was read is read again, which does no harm.
        self._newest_takedown = newest
        self._leave_out(new)
        return new

    def _newly_hidden(self) -> pa.Array:
        listed = self._hidden.listed()
        if listed.number == self._list_number:
            return NO_IDS
        new = listed.ids.filter(pc.invert(pc.is_in(listed.ids, self._ids)))
        self._list_number = listed.number
        self._leave_out(new)
        return new

    def _leave_out(self, ids: pa.Array) -> None:
        """Leave out more rows from now on; what is shown again stays out, too."""
        self._ids = pc.unique(pa.concat_arrays([self._ids, ids])).sort()
