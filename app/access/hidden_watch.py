"""Keeping out of what is built what is hidden while it is built.

That is what is taken down, put into quarantine, or sent by somebody who is banned.
"""

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from app.access.errors import HiddenMeanwhile
from app.access.takedowns.contributions import TakenDownContributions
from app.access.visibility.hidden import HiddenContributions
from catalog.reading.membership import NO_IDS, is_among, without
from catalog.schema import ID


class HiddenWatch:
    """Watches the rows that a build reads.

    Rows that are hidden before they are read are left out. A takedown of a row that may have been
    read already ends the build at once: what was built so far may hold a text that has to go. What
    moderators hide may stay in files that nobody sees, so the build goes on, and only a result that
    holds such a row isn't published. Otherwise whoever reports contributions could keep every build
    from its end.
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
        self._hidden_before = listed.ids
        self._last_read = ""

    def left(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield rows without those that are hidden by then.

        Args:
            batches: Rows with their contribution_id, in any order.

        Raises:
            HiddenMeanwhile: A row that was yielded may be taken down.
        """
        for batch in batches:
            self.check()
            left = without(batch, self._ids)
            if left.num_rows:
                self._last_read = max(self._last_read, *left[ID].to_pylist())
            yield left

    def check(self) -> None:
        """Check that nothing that was read has been taken down since.

        It takes two queries of one row when nothing is new.

        Raises:
            HiddenMeanwhile: A row that was read may be taken down.
        """
        self._leave_out_newly_hidden()
        new = self.newly_taken_down()
        if len(new) and new[0].as_py() <= self._last_read:
            raise HiddenMeanwhile(self._name)

    def check_result(self, held: Callable[[pa.Array], pa.Array]) -> None:
        """Check that a result may be published.

        Args:
            held: Returns those of some contribution_ids, ascending, that the result holds.

        Raises:
            HiddenMeanwhile: The result holds a row that is hidden, or may hold one that is taken
                down.
        """
        self.check()
        hidden = self._hidden.ids()
        new = hidden.filter(pc.invert(is_among(hidden, self._hidden_before)))
        if len(new) and len(held(new)):
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

    def _leave_out_newly_hidden(self) -> None:
        listed = self._hidden.listed()
        if listed.number != self._list_number:
            self._list_number = listed.number
            self._leave_out(listed.ids)

    def _leave_out(self, ids: pa.Array) -> None:
        """Leave out more rows from now on; what is shown again stays out, too."""
        self._ids = pc.unique(pa.concat_arrays([self._ids, ids])).sort()
