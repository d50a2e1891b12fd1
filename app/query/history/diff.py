"""The difference between two snapshots: contributions added, replaced and taken down."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from app.access.visibility.audience import PUBLIC, Audience
from app.query.history.snapshot_pair import SnapshotPair
from app.query.history.versions import Versions
from app.query.replaced import ReplacedReader
from app.query.snapshots import Reference, Snapshots, SnapshotView
from app.state import ledger
from app.state.db import Database
from catalog.errors import Invalid
from catalog.schema import ID
from catalog.snapshots import Snapshot

DIFF_SCHEMA: Final = pa.schema(
    [
        ("contribution_id", pa.string()),
        ("conversation_id", pa.string()),
        ("contributor_id", pa.string()),
        ("sequence_number", pa.int64()),
        ("change", pa.string()),
        ("replaced_by", pa.string()),
    ]
)
"""The schema of a diff's rows."""

_ROWS_AT_ONCE: Final = 32_768
"""Rows that are read at once, in some twenty MiB. Fewer would read the ids of a file more often."""


class SnapshotsReversed(Invalid):
    """The first snapshot of a diff is later than the second.

    Attributes:
        before: The id of the first snapshot.
        after: The id of the second snapshot.
        errors: The messages for the client, by parameter.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__(f"snapshot {before} is later than {after}")
        self.before = before
        self.after = after
        self.errors = {"after": [f"Must be {before} or a later snapshot."]}


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference between two snapshots.

    Attributes:
        before: The older snapshot.
        after: The newer snapshot.
        added: How many contributions were added, every version counted.
        replaced: How many contributions are the latest version in `before` but not in `after`.
        taken_down: How many contributions that were in `before` or were added since have been taken
            out of the lake by now. Nothing but their number is kept.
        rows: The added and the replaced contributions, with `DIFF_SCHEMA`, in the order of ids.
            They are read when they are asked for.
    """

    before: Snapshot
    after: Snapshot
    added: int
    replaced: int
    taken_down: int
    rows: Iterator[pa.RecordBatch]


class Diffs:
    """Compares snapshots in bounded memory, however large the lake is."""

    def __init__(
        self,
        snapshots: Snapshots,
        database: Database,
        replaced: ReplacedReader,
        versions: Versions,
    ) -> None:
        """Compare snapshots.

        Args:
            snapshots: Finds the lake's snapshots.
            database: The database with the ledger.
            replaced: Tells what later versions replaced.
            versions: Tells which later versions these were.
        """
        self._snapshots = snapshots
        self._database = database
        self._replaced = replaced
        self._versions = versions

    def between(
        self,
        before: Reference,
        after: Reference,
        max_rows: int | None = None,
        audience: Audience = PUBLIC,
    ) -> Diff:
        """Return the difference between two snapshots.

        What is hidden from the audience is left out, and still counts as a version.

        Args:
            before: The older snapshot.
            after: The newer snapshot, or the same one.
            max_rows: The largest number of rows to return; None returns all.
            audience: Whom the snapshots are read for.

        Raises:
            SnapshotNotFound: A reference names no snapshot.
            TagNotFound: No snapshot has the tag.
            SnapshotNotPublic: The audience may not see one of the snapshots yet.
            SnapshotsReversed: The first snapshot is later than the second.
        """
        older, newer = (self._snapshots.find(each, audience) for each in (before, after))
        if older.sequence_number > newer.sequence_number:
            raise SnapshotsReversed(older.snapshot_id, newer.snapshot_id)
        # The table is loaded after the ledger was read, so that it contains both snapshots.
        table, hidden = self._snapshots.table(), self._snapshots.hidden(audience)
        replaced = self._replaced.as_of(SnapshotView(table, newer))
        pair = SnapshotPair(table, older, newer, hidden, replaced)
        return Diff(
            before=older,
            after=newer,
            added=pair.count_added(),
            replaced=pair.count_replaced(),
            taken_down=self._taken_down(pair, newer),
            rows=self._rows(pair, max_rows),
        )

    def _taken_down(self, pair: SnapshotPair, after: Snapshot) -> int:
        """Return by how many rows the ledger's count exceeds what the table has now."""
        with self._database.read() as connection:
            removed_rows = ledger.removed_rows(connection, pair.number_before, pair.number_after)
        return after.total_rows + removed_rows - pair.count_rows()

    def _rows(self, pair: SnapshotPair, max_rows: int | None) -> Iterator[pa.RecordBatch]:
        last_id: str | None = ""
        left = sys.maxsize if max_rows is None else max_rows
        while left and last_id is not None:
            page = pair.page(last_id, min(left, _ROWS_AT_ONCE))
            last_id, left = page.last_id, left - page.rows.num_rows
            if page.rows.num_rows:
                yield self._with_replacement(pair, page.rows)

    def _with_replacement(self, pair: SnapshotPair, changes: pa.Table) -> pa.RecordBatch:
        """Return rows of a diff for what was added or replaced."""
        replaced = changes.filter(pair.is_replaced(changes))
        latest = self._versions.latest(
            replaced["conversation_id"].to_pylist(), pair.number_before, pair.number_after
        )
        replaced_by = [
            None if later == contribution_id else later
            for contribution_id, later in zip(
                changes[ID].to_pylist(),
                map(latest.get, changes["conversation_id"].to_pylist()),
                strict=True,
            )
        ]
        column = pa.array(replaced_by, pa.string())
        rows = changes.append_column("replaced_by", column).cast(DIFF_SCHEMA)
        return rows.combine_chunks().to_batches()[0]
