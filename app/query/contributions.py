"""Reading contributions at a snapshot: all as a stream, a page in order, a count, or one."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import pyarrow as pa

from app.query.filters import Filters
from app.query.pages import Page, read_page, read_rows
from app.query.selection import Selection
from app.query.snapshots import SnapshotView
from app.query.versions import Versions
from catalog.errors import NotFound
from catalog.membership import ID, NO_IDS
from catalog.schema import ARROW_SCHEMA

EVERY_COLUMN: Sequence[str] = tuple(ARROW_SCHEMA.names)


class ContributionNotFound(NotFound):
    """No contribution has this id as of the snapshot."""

    def __init__(self, contribution_id: str) -> None:
        super().__init__(f"no contribution {contribution_id}")
        self.contribution_id = contribution_id


class Contributions:
    """Reads contributions from views of the lake, in memory that their number doesn't change."""

    def __init__(self, versions: Versions, page_bytes: int) -> None:
        """Read with these versions, in pages of up to `page_bytes` of Arrow."""
        self._versions = versions
        self._page_bytes = page_bytes

    def stream(
        self, view: SnapshotView, filters: Filters, columns: Sequence[str] = EVERY_COLUMN
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns of the selected contributions, day by day; batches may be empty.

        What can fail before the first row fails now, and not in the middle of an answer.
        """
        return self._select(view, filters).batches(columns)

    def count(self, view: SnapshotView, filters: Filters) -> int:
        """Return how many contributions are selected."""
        return sum(batch.num_rows for batch in self._select(view, filters).batches([ID]))

    def page(
        self,
        view: SnapshotView,
        filters: Filters,
        limit: int,
        after: str | None,
        columns: Sequence[str] = EVERY_COLUMN,
        *,
        newest_first: bool = False,
    ) -> Page:
        """Return some columns of the first selected contributions after an id, in their order.

        There are `limit` of them, or fewer where they come to `page_bytes`, but at least one.
        """
        selection = self._select(view, filters)
        return read_page(
            selection, columns, limit, after, self._page_bytes, newest_first=newest_first
        )

    def get(
        self, view: SnapshotView, contribution_id: UUID, columns: Sequence[str] = EVERY_COLUMN
    ) -> pa.Table:
        """Return some columns of the one row of a contribution, replaced or not.

        Raises:
            ContributionNotFound: It isn't in the table as of the snapshot.
        """
        wanted = pa.array([str(contribution_id)], NO_IDS.type)
        needed = list(dict.fromkeys([*columns, ID]))
        try:
            rows = read_rows(view, wanted, needed, self._page_bytes)
        except OverflowError as error:
            # The id's time lies beyond the calendar: no server made it.
            raise ContributionNotFound(str(contribution_id)) from error
        if not rows.num_rows:
            raise ContributionNotFound(str(contribution_id))
        return rows.select(list(columns))

    def _select(self, view: SnapshotView, filters: Filters) -> Selection:
        replaced = NO_IDS if filters.all_versions else self._versions.replaced_in(view)
        return Selection(view, filters, replaced)
