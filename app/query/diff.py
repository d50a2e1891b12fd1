"""The difference between two snapshots: contributions added, replaced and taken down."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyiceberg.expressions import And, GreaterThanOrEqual, LessThanOrEqual
from pyiceberg.table import Table

from app.access.audience import PUBLIC, Audience
from app.query.replaced import ReplacedAsOf, ReplacedReader
from app.query.scratch import ScratchDatabase, spool
from app.query.snapshots import Reference, Snapshots, SnapshotView
from app.state import ledger
from app.state.db import Database
from catalog.errors import Invalid
from catalog.membership import NO_IDS, is_among
from catalog.scan import DataFile, count_rows, plan, read, schema_of
from catalog.schema import ID
from catalog.snapshots import Snapshot

if TYPE_CHECKING:
    import duckdb

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

_KEY_COLUMNS: Final = ("contribution_id", "conversation_id", "contributor_id", "sequence_number")
_ADDED: Final = """
    CREATE TABLE added AS
    SELECT *, first_value(contribution_id) OVER (
        PARTITION BY conversation_id ORDER BY sequence_number DESC, contribution_id DESC
    ) AS latest
    FROM newer
"""
_REPLACED: Final = """
    CREATE TABLE replaced AS
    SELECT older.*, latest
    FROM older LEFT JOIN (SELECT DISTINCT conversation_id, latest FROM added)
    USING (conversation_id)
"""
_SHOWN: Final = """
    CREATE TABLE shown AS
    SELECT contribution_id, conversation_id, contributor_id, sequence_number,
        'added' AS change, nullif(latest, contribution_id) AS replaced_by
    FROM added ANTI JOIN hidden USING (contribution_id)
    UNION ALL
    SELECT contribution_id, conversation_id, contributor_id, sequence_number, 'replaced', latest
    FROM replaced ANTI JOIN hidden USING (contribution_id)
"""
_ROWS: Final = "FROM shown ORDER BY contribution_id LIMIT $max_rows"
_COUNTS: Final = """
    SELECT count(*) FILTER (change = 'added'), count(*) FILTER (change = 'replaced') FROM shown
"""


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
    """

    before: Snapshot
    after: Snapshot
    added: int
    replaced: int
    taken_down: int
    rows: pa.RecordBatchReader


class Diffs:
    """Compares snapshots in bounded memory, however large the lake is."""

    def __init__(
        self,
        snapshots: Snapshots,
        database: Database,
        replaced: ReplacedReader,
        scratch: ScratchDatabase,
    ) -> None:
        """Compare snapshots.

        Args:
            snapshots: Finds the lake's snapshots.
            database: The database with the ledger.
            replaced: Tells what later versions replaced.
            scratch: Joins the keys of the two snapshots.
        """
        self._snapshots = snapshots
        self._database = database
        self._replaced = replaced
        self._scratch = scratch

    def between(
        self,
        before: Reference,
        after: Reference,
        max_rows: int | None = None,
        audience: Audience = PUBLIC,
    ) -> Diff:
        """Return the difference between two snapshots.

        Of the older snapshot, only what was replaced since is read. What is hidden from the
        audience is left out, and still counts as a version.

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
            QueryUnavailable: DuckDB failed.
        """
        older, newer = (self._snapshots.find(each, audience) for each in (before, after))
        if older.sequence_number > newer.sequence_number:
            raise SnapshotsReversed(older.snapshot_id, newer.snapshot_id)
        # The table is loaded after the ledger was read, so that it contains both snapshots.
        table, hidden = self._snapshots.table(), self._snapshots.hidden(audience)
        with self._scratch.connection() as connection:
            connection.register("hidden", pa.table({ID: hidden}))
            replaced = self._replaced.as_of(SnapshotView(table, newer))
            _tabulate(connection, table, older, newer, replaced)
            added, replaced = connection.sql(_COUNTS).fetchall()[0]
            rows = connection.sql(_ROWS, params={"max_rows": max_rows}).to_arrow_reader()
            return Diff(
                before=older,
                after=newer,
                added=added,
                replaced=replaced,
                taken_down=self._taken_down(table, older, newer),
                rows=spool(rows),
            )

    def _taken_down(self, table: Table, before: Snapshot, after: Snapshot) -> int:
        """Return by how many rows the ledger's count exceeds what the table has now."""
        with self._database.read() as connection:
            removed_rows = ledger.removed_rows(
                connection, before.sequence_number, after.sequence_number
            )
        return after.total_rows + removed_rows - count_rows(table, plan(table, after))


def _tabulate(
    connection: "duckdb.DuckDBPyConnection",
    table: Table,
    before: Snapshot,
    after: Snapshot,
    replaced: ReplacedAsOf,
) -> None:
    """Create the tables `added` and `replaced` in the scratch database."""
    newer = plan(table, after, after=before.sequence_number)
    connection.register("newer", _reader(read(table, newer, _KEY_COLUMNS)))
    connection.execute(_ADDED)
    # Those that were added since as well are in `added`, and not in the older snapshot.
    replaced_since = replaced.since(before.sequence_number)
    connection.register("older", _reader(_keys_of(table, before, replaced_since)))
    connection.execute(_REPLACED)
    connection.execute(_SHOWN)


def _keys_of(
    table: Table, snapshot: Snapshot, replaced: Iterator[pa.Table]
) -> Iterator[pa.RecordBatch]:
    """Yield the keys of those of some replaced contributions that a snapshot has, day by day.

    Args:
        table: The raw table.
        snapshot: The snapshot.
        replaced: Rows of the table `replaced`, oldest day first, each table of one day.
    """
    by_day = groupby(replaced, key=lambda rows: rows["received_at"][0].as_py().date())
    files: dict[date, list[DataFile]] | None = None
    for day, tables in by_day:
        if files is None:
            planned = groupby(plan(table, snapshot), key=lambda file: file.day)
            files = {each: list(of_day) for each, of_day in planned}
        ids = pa.concat_tables(tables)[ID].combine_chunks().cast(NO_IDS.type).sort()
        first, last = ids[0].as_py(), ids[-1].as_py()
        wanted = [file for file in files.get(day, ()) if file.may_have(first, last)]
        within = And(GreaterThanOrEqual(ID, first), LessThanOrEqual(ID, last))
        for batch in read(table, wanted, _KEY_COLUMNS, within):
            yield batch.filter(is_among(batch[ID], ids))


def _reader(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(schema_of(_KEY_COLUMNS), batches)
