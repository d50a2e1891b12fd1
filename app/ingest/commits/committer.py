"""The committer: takes acknowledged contributions from the journal to the lake, exactly once.

The protocol has four steps, and may be cut off in any of them:

1. claim: a batch_id and the ids of its entries are recorded in one SQL transaction;
2. commit: the batch is appended to the table in one Iceberg commit that names it;
3. record: its versions and what they replaced become data, see `app.versions.recording`;
4. settle: the ledger gets the snapshot, the entries are marked, and the claim is cleared last.

Whatever happened before, an open claim is taken up again by looking for its batch in the newest
table. If the table has it, only the last two steps are left; if not, the second is done (again). An
exception says nothing about the outcome, since a database can fail after it has committed. So each
attempt starts with that look.
"""

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event
from time import monotonic
from typing import Final
from uuid import UUID

import pyarrow as pa
import pyarrow.dataset as ds
from pyiceberg.table import Table

from app.access.moderation.banned_contributions import BannedContributions
from app.ingest.commits.claims import Batch, Claims
from app.ingest.commits.late_refusals import PartlyTakenDown, Sifted, none_partly, sift
from app.ingest.commits.wake_up import WakeUp
from app.ingest.journal.journal import Journal
from app.ingest.refusals import Refused, refuse_nothing
from app.settings import Settings
from app.state import ledger_changes
from app.state.db import Database
from app.telemetry import metrics, traces
from app.versions.keys import CONVERSATION_ID
from app.versions.recording import VERSION_COLUMNS, VERSION_SCHEMA, VersionRecorder
from catalog.connection import LockingCatalog
from catalog.maintenance.orphans import references_of
from catalog.reading.size import size_of
from catalog.reading.staged_rows import read_staged
from catalog.schema import ID
from catalog.snapshots import Snapshot, live_snapshots
from catalog.table import append_batch, find_batch, load_table
from catalog.writing.staging import remove_files

_POLL_S: Final = 0.05
_IDLE_POLL_S: Final = 0.25
"""The same while nothing is pending, if whoever waits for a commit wakes the committer up."""
_INDEX_CHECK_S: Final = 1.0
"""Time between two looks whether the index of versions is there."""
BACKOFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Time to wait after the first failure, the second and so on; the last one also after more."""

log = logging.getLogger(__name__)


class Committer:
    """Commits what is pending once it is awaited, or large or old enough."""

    def __init__(  # noqa: PLR0913, PLR0917  # wiring
        self,
        database: Database,
        journal: Journal,
        claims: Claims,
        catalog: LockingCatalog,
        versions: VersionRecorder,
        banned: BannedContributions,
        settings: Settings,
        refused: Callable[[], Refused] = refuse_nothing,
        partly_taken_down: PartlyTakenDown = none_partly,
        fill_versions: Callable[[], int] = int,
        wake_up: WakeUp | None = None,
    ) -> None:
        """Prepare to commit.

        Args:
            database: The database of the journal and the ledger.
            journal: The journal, which tells how much is pending.
            claims: The claims of this lake.
            catalog: The catalog of the table.
            versions: Records the versions that a batch adds, and what they replaced.
            banned: Hides what banned contributors sent.
            settings: How large and how old a batch becomes, and how soon awaited ones follow.
            refused: Returns what is refused as of now.
            partly_taken_down: Tells of which conversations later versions may stay.
            fill_versions: Fills the index of versions anew, and returns how many it has.
            wake_up: Wakes this committer when a client waits for a commit; None if nothing does.
        """
        self._database = database
        self._journal = journal
        self._claims = claims
        self._catalog = catalog
        self._versions = versions
        self._banned = banned
        self._settings = settings
        self._refused = refused
        self._partly_taken_down = partly_taken_down
        self._fill_versions = fill_versions
        self._wake_up = wake_up or WakeUp(None)
        self._index_seen_at = float("-inf")
        # When this process first saw what is pending now, by a clock that doesn't jump. What was
        # pending when the process started is due at once.
        self._pending_since: float | None = float("-inf")
        self._claimed_at = float("-inf")

    def run(self, stop: Event) -> None:
        """Commit until told to stop, and then once more, so that nothing acknowledged waits."""
        with self._wake_up.listening():
            self._run(stop)
        self.drain()

    def _run(self, stop: Event) -> None:
        failures = 0
        is_reconciled = False
        while not stop.is_set():
            try:
                if failures:
                    self._cut_logs()
                self._mend_index(has_failed=failures > 0)
                if not is_reconciled:
                    self.reconcile()
                    is_reconciled = True
                committed = self.step()
                failures = 0
            except Exception as error:
                # The claim stands, and the next step looks for its batch first. An outage may be
                # long, so its traceback is logged once.
                log.error(  # noqa: TRY400  # log.exception would always show it
                    "commit failed, %d times so far: %s; the claim is taken up again",
                    *(failures + 1, type(error).__name__),
                    exc_info=error if failures == 0 else None,
                )
                metrics.commit_failed()
                stop.wait(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
                failures += 1
            else:
                if not committed:
                    self._wait(stop)

    def step(self) -> bool:
        """Commit the batch of the open claim, or else a new one if it is due.

        Returns:
            Whether there was a batch to commit.
        """
        batch_id = self._claims.open_claim()
        if batch_id is None and self._is_due():
            batch_id = self._claim()
        if batch_id is None:
            return False
        self.commit(batch_id)
        return True

    def drain(self) -> None:
        """Commit everything that is pending now, whatever its size or age.

        What is journalled meanwhile is left alone: there may be no end to it while other nodes run.
        """
        if (open_claim := self._claims.open_claim()) is not None:
            self.commit(open_claim)
        left = self._journal.backlog().contributions
        while left > 0 and (batch_id := self._claim()):
            # A batch that another committer has settled meanwhile counts as 1, so that this ends.
            left -= max(1, self.commit(batch_id))

    def commit(self, batch_id: UUID) -> int:
        """Append a claimed batch to the table, unless the table has it, and settle its claim.

        Returns:
            How many rows the batch has; 0 when another committer has settled it.
        """
        with traces.span("commit", batch_id=str(batch_id)):
            return self._commit(batch_id)

    def _commit(self, batch_id: UUID) -> int:
        started = monotonic()
        # A commit of maintenance, which runs in another thread, would make this attempt fail.
        with self._catalog.commit_lock:
            table = load_table(self._catalog)
            snapshot = find_batch(table, batch_id)
            batch = self._claims.batch(batch_id)
            sifted = known_bans = None
            if snapshot is None:
                if batch is None:
                    return 0
                sifted = sift(batch, batch_id, table, self._refused(), self._partly_taken_down)
                batch = sifted.batch
                known_bans = self._banned.hide_in(table, batch)
                snapshot = append_batch(table, batch_id, batch.rows, batch.files)
                self._record(table, snapshot, batch)
            else:
                # Of the claimed rows, the process that committed the batch may have dropped some.
                self._versions.catch_up(table)
        if batch:
            # Again, since a ban that came meanwhile may have looked at the table too early.
            self._banned.hide_in(table, batch, known_bans)
        self._claims.settle(batch_id, snapshot)
        if sifted:
            self._finish(batch_id, table, sifted)
        elif batch and batch.files:
            # The process that committed it was killed before it removed files that lost rows.
            needed = set(references_of(table))
            remove_files(table.io, [each.path for each in batch.files if each.path not in needed])
        metrics.committed(snapshot.added_rows, monotonic() - started, size_of(table))
        log.info(
            "committed batch %s: %d rows in snapshot %d, %.3f s",
            batch_id,
            snapshot.added_rows,
            snapshot.snapshot_id,
            monotonic() - started,
        )
        return snapshot.added_rows

    def _record(self, table: Table, snapshot: Snapshot, batch: Batch) -> None:
        """Record the versions of a batch, reading those that no upload has prepared."""

        def read_batch(prepared: Collection[int]) -> Iterator[pa.RecordBatch]:
            others = [upload for upload in batch.uploads if upload.entry_id not in prepared]
            return _versions_in(table, Batch(batch.rows, others))

        whole = [upload.entry_id for upload in batch.uploads if upload.is_whole]
        self._versions.record(table, snapshot, read_batch, whole)

    def _finish(self, batch_id: UUID, table: Table, sifted: Sifted) -> None:
        """Count what a commit of this process made visible, and remove what it left out."""
        if rows := sifted.batch.rows:
            metrics.visible(rows[0].received_at, rows[-1].received_at, datetime.now(UTC))
        if sifted.dropped:
            log.warning("batch %s lost %d rows taken down before", batch_id, sifted.dropped)
            metrics.dropped(sifted.dropped)
        remove_files(table.io, sifted.replaced)

    def reconcile(self) -> None:
        """Write to the ledger the live snapshots that it lacks, such as those of other engines."""
        table = load_table(self._catalog)
        self._versions.catch_up(table)
        with self._database.write() as connection:
            ledger_changes.record(connection, live_snapshots(table))
        metrics.table_is(size_of(table))

    def _wait(self, stop: Event) -> None:
        if self._pending_since is None and self._wake_up.is_listening:
            self._wake_up.wait(stop, _IDLE_POLL_S)
        else:
            # Without being woken: of many clients that wait, each would make it ask once more.
            stop.wait(_POLL_S)

    def _cut_logs(self) -> None:
        """Cut the databases' logs, which may hold the space that a commit needs on a full disk."""
        for database in (self._database, self._catalog):
            with suppress(sqlite3.OperationalError):
                database.checkpoint(kept_bytes=0)

    def _mend_index(self, *, has_failed: bool) -> None:
        """Fill the index of versions anew if it was lost, since nothing is submitted without it."""
        if has_failed or monotonic() - self._index_seen_at >= _INDEX_CHECK_S:
            if self._versions.is_lost():
                log.warning("the index of versions is lost; it is filled anew")
                log.info("the index has %d versions", self._fill_versions())
            self._index_seen_at = monotonic()

    def _claim(self) -> UUID | None:
        self._pending_since = None
        self._claimed_at = monotonic()
        return self._claims.claim(self._settings.commit_max_rows, self._settings.commit_max_bytes)

    def _is_due(self) -> bool:
        backlog = self._journal.backlog()
        if not backlog.entries:
            self._pending_since = None
            return False
        now = monotonic()
        if self._pending_since is None:
            self._pending_since = now
        is_awaited = (
            backlog.awaited_entries > 0
            and now - self._claimed_at >= self._settings.awaited_commit_interval_s
        )
        return (
            is_awaited
            or now - self._pending_since >= self._settings.commit_interval_s
            or backlog.contributions >= self._settings.commit_max_rows
            or backlog.payload_bytes >= self._settings.commit_max_bytes
        )


def _versions_in(table: Table, batch: Batch) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a batch that may be versions, with the columns that tell."""
    rows = batch.rows
    columns = {name: [getattr(row, name) for row in rows] for name in VERSION_COLUMNS[:3]}
    columns[VERSION_COLUMNS[3]] = [None] * len(rows)
    yield pa.RecordBatch.from_pydict(columns, schema=VERSION_SCHEMA)
    is_version = ds.field(CONVERSATION_ID) != ds.field(ID)
    yield from read_staged(table, batch.files, VERSION_COLUMNS, is_version)
