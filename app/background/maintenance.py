"""Maintenance: keeps commits fast and the table small, beside the committer or by command."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from threading import Event
from time import monotonic
from typing import Final

from pyiceberg.table import Table

from app.ingest.claims import Claims
from app.settings import Settings
from app.state import ledger, thinned_builds
from app.state.db import Database
from app.state.thinned_builds import ThinnedBuild
from app.telemetry import metrics, traces
from app.telemetry.labels import MaintenanceOperation
from app.versions.recording import VersionRecorder
from catalog.connection import LockingCatalog
from catalog.maintenance.compaction import (
    CompactionStopped,
    DayOfSmallFiles,
    FileSizes,
    compact,
    small_files,
)
from catalog.maintenance.orphans import Ages, Orphan, find_orphans, remove_orphans
from catalog.maintenance.replaced import TakeOver, compact_replaced, take_nothing_over
from catalog.maintenance.thinning import Retention, thin, thinnable
from catalog.replaced import REPLACED_IDENTIFIER
from catalog.schema import NAMESPACE, TABLE_NAME
from catalog.snapshots import Snapshot
from catalog.stage_tables import source_of
from catalog.stages import COMPUTED_STAGES, STAGE_IDENTIFIERS, TABLE_IDENTIFIERS
from catalog.table import load_table
from catalog.wording import counted

DAY_CLOSES_AFTER: Final = timedelta(hours=1)
"""Time after a day's end in which contributions that were received on it may still be committed."""
_POLL_S = 0.1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ThinningResult:
    """The result of thinning a table, or what a dry run of it found.

    Attributes:
        thinned: Number of snapshots that are made no longer live.
        live: Number of snapshots that are live afterwards.
        table_name: Name of the table.
    """

    thinned: int
    live: int
    table_name: str = TABLE_NAME

    @property
    def changed(self) -> int:
        """How many snapshots were thinned."""
        return self.thinned

    def __str__(self) -> str:
        return f"thinned {counted(self.thinned, 'snapshot')} of {self.table_name}, {self.live} live"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionResult:
    """The result of compacting a day's small files, or what a dry run of it found.

    Attributes:
        day: The day, in UTC.
        rows: Number of rows in the small files.
        files_before: Number of small files.
        bytes_before: Size of the small files.
        files_after: Number of files that replace them; None before the compaction.
        bytes_after: Size of the files that replace them; None before the compaction.
    """

    day: date
    rows: int
    files_before: int
    bytes_before: int
    files_after: int | None = None
    bytes_after: int | None = None

    @property
    def changed(self) -> int:
        """How many files were compacted."""
        return self.files_before

    def __str__(self) -> str:
        files = counted(self.files_before, "file")
        before = f"{files} of {counted(self.bytes_before, 'byte')}"
        rows = counted(self.rows, "row")
        if self.files_after is None:
            return f"{self.day}: {before} to compact, {rows}"
        after = f"{self.files_after} of {self.bytes_after}"
        return f"compacted {self.day}: {before} to {after}, {rows}"


@dataclass(frozen=True, slots=True)
class OrphansResult:
    """The files that nothing refers to.

    Attributes:
        paths: Paths of the files.
        size_bytes: Size of all of them together.
    """

    paths: tuple[str, ...]
    size_bytes: int

    @property
    def changed(self) -> int:
        """How many orphans there are."""
        return len(self.paths)

    def __str__(self) -> str:
        return f"{counted(len(self.paths), 'orphan')} of {counted(self.size_bytes, 'byte')}"


@dataclass(frozen=True, slots=True)
class ReplacedResult:
    """The result of compacting the table `replaced`.

    Attributes:
        changed: Number of small files that were compacted, those of each day to one.
    """

    changed: int

    def __str__(self) -> str:
        return f"compacted {counted(self.changed, 'file')} of the table replaced"


MaintenanceResult = ThinningResult | CompactionResult | OrphansResult | ReplacedResult


class Maintenance:
    """Thins snapshots, compacts files and removes orphans, each in commits of its own.

    Files of stages needn't be compacted: a chunk is replaced as a whole, and has one file.
    """

    def __init__(
        self,
        database: Database,
        claims: Claims,
        catalog: LockingCatalog,
        versions: VersionRecorder,
        settings: Settings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        take_over: TakeOver = take_nothing_over,
    ) -> None:
        """Maintain a lake.

        Args:
            database: The database of the ledger.
            claims: Tells which batch is being committed, and which data files wait for a commit.
            catalog: The catalog of the table.
            versions: Records what commits replaced, before the ledger has a snapshot of theirs.
            settings: How much is kept, for how long, and how often maintenance runs.
            clock: Returns the time.
            take_over: Keeps for new files of `replaced` what is known of those that they replace.
        """
        self._database = database
        self._claims = claims
        self._catalog = catalog
        self._versions = versions
        self._settings = settings
        self._clock = clock
        self._take_over = take_over
        self._orphans_removed_at = float("-inf")

    def run(
        self, stop: Event, observe: Callable[[MaintenanceResult], None] = lambda _: None
    ) -> None:
        """Maintain the lake on schedule until told to stop; log each result and observe it."""
        while not stop.wait(self._settings.maintenance_interval_s):
            try:
                for result in self.step(stop):
                    log.info("%s", result)
                    observe(result)
            except CompactionStopped:
                return
            except Exception:
                # Commits and readers don't need it now; the next try starts from the newest table.
                log.exception("maintenance failed; it is tried again on schedule")

    def step(self, stop: Event) -> Iterator[MaintenanceResult]:
        """Do what is due, and yield the results of what changed something."""
        yield from _measured("thin", lambda: [self.thin(), *self.thin_stages()])
        yield from _measured("compact", lambda: self._compact_both(stop))
        if monotonic() - self._orphans_removed_at >= self._settings.orphan_interval_s:
            self._orphans_removed_at = monotonic()
            yield from _measured("remove_orphans", lambda: [self.remove_orphans()])

    def thin(self, dry_run: bool = False) -> ThinningResult:
        """Thin the snapshots of the raw table that needn't stay live and that the ledger has.

        Args:
            dry_run: Whether to change nothing, and only tell what would be done.

        Raises:
            CommitConflict: Another writer kept committing first.
        """
        table = load_table(self._catalog)
        live = len(table.metadata.snapshots)
        candidates = thinnable(table, self._retention(), self._clock())
        # After the table was loaded: a batch that is claimed later is not among its snapshots.
        claim = self._claims.open_claim()
        oldest = min((snapshot.sequence_number for snapshot in candidates), default=0)
        with self._database.read() as connection:
            recorded = ledger.recorded_since(connection, oldest)
        unneeded = [
            snapshot
            for snapshot in candidates
            if snapshot.snapshot_id in recorded
            # The committer looks for its batch in the live snapshots until it has settled it.
            and (claim is None or snapshot.batch_id != str(claim))
        ]
        if not dry_run:
            if unneeded:
                thin(table, unneeded, self._clock())
            self._thin_replaced()
        return ThinningResult(len(unneeded), live - len(unneeded))

    def thin_stages(self, dry_run: bool = False) -> Iterator[ThinningResult]:
        """Thin the snapshots of the stages' tables that needn't stay live; yield each result.

        Rows of a thinned snapshot of a stage can't be read any more, unlike those of the raw table.
        The database records what builds were thinned, so that who asks for one is told.
        Releases and maps keep those that they read by tags and holds, and who reads the newest one
        keeps its files for as long as a read may take. A build may run: it reads the newest.

        Args:
            dry_run: Whether to change nothing, and only tell what would be done.

        Raises:
            CommitConflict: Another writer kept committing first.
        """
        retention = replace(
            self._retention(), newest=self._settings.keep_stage_snapshots, hours=0, days=0
        )
        for identifier in STAGE_IDENTIFIERS:
            table = load_table(self._catalog, identifier)
            live = len(table.metadata.snapshots)
            if not live:
                continue
            unneeded = thinnable(table, retention, self._clock())
            if not dry_run and unneeded:
                # Before it is true: what is live is looked for first.
                self._record_thinned(table, identifier, unneeded)
                thin(table, unneeded, self._clock())
            name = identifier.removeprefix(f"{NAMESPACE}.")
            metrics.stage_snapshots_are(name, live - len(unneeded))
            yield ThinningResult(len(unneeded), live - len(unneeded), name)

    def _record_thinned(
        self, table: Table, identifier: str, snapshots: Collection[Snapshot]
    ) -> None:
        """Record those of some snapshots of a table of a stage that are builds of its rows."""
        stage = next((name for name, of in COMPUTED_STAGES.items() if of.rows == identifier), None)
        if stage is None:
            return
        with self._database.write() as connection:
            builds = []
            for each in snapshots:
                source_id = source_of(table, each.snapshot_id)
                source = ledger.by_id(connection, source_id) if source_id else None
                if source is not None:
                    builds.append(
                        ThinnedBuild(
                            snapshot_id=each.snapshot_id,
                            stage=stage,
                            sequence_number=each.sequence_number,
                            source_number=source.sequence_number,
                            built_at=each.committed_at,
                        )
                    )
            thinned_builds.record(connection, builds)

    def small_files(self) -> list[CompactionResult]:
        """Return what a compaction would do: a result for each day that is worth it."""
        return [_result(day) for day in self._small_files(load_table(self._catalog))]

    def compact(self, stop: Event) -> Iterator[CompactionResult]:
        """Compact the days that are worth it, one commit for each, and yield a result for each.

        Raises:
            CompactionStopped: The compaction was stopped; the unfinished day is unchanged.
            CommitConflict: Another writer kept committing first.
        """
        table = load_table(self._catalog)
        for day in self._small_files(table):
            compacted = compact(table, day, self._sizes(), lambda: not stop.is_set())
            if compacted is None:
                continue
            self._versions.catch_up(table)
            with self._database.write() as connection:
                ledger.record(connection, [compacted.snapshot])
            yield _result(day, compacted.files, compacted.size_bytes)
            self._let_append_pass(stop)

    def compact_replaced(self) -> ReplacedResult:
        """Compact the days of the table `replaced` that are worth it, in one commit.

        Raises:
            CommitConflict: Another writer kept committing first.
        """
        table = load_table(self._catalog, REPLACED_IDENTIFIER)
        return ReplacedResult(compact_replaced(table, self._take_over))

    def _thin_replaced(self) -> None:
        """Thin the snapshots of the table `replaced`; its rows say of which snapshot they are."""
        table = load_table(self._catalog, REPLACED_IDENTIFIER)
        now = self._clock()
        if unneeded := thinnable(table, self._retention(), now):
            thin(table, unneeded, now)

    def _compact_both(self, stop: Event) -> Iterator[MaintenanceResult]:
        yield from self.compact(stop)
        yield self.compact_replaced()

    def _let_append_pass(self, stop: Event) -> None:
        """Wait until a batch is settled, since this commit may have made its append fail.

        Without the wait, the next compaction could make it fail again.
        """
        claim = self._claims.open_claim()
        while claim and self._claims.open_claim() == claim:
            if stop.wait(_POLL_S):
                raise CompactionStopped

    def remove_orphans(self, dry_run: bool = False) -> OrphansResult:
        """Remove the files under the tables' locations that nothing can need any more.

        Args:
            dry_run: Whether to remove nothing, and only tell what would be removed.

        Raises:
            AgeFloorTooLow: The setting `orphan_age_s` is below the minimum.
            OSError: A file can't be removed.
        """
        # Both are read before the files are listed, and the table once more after that: what is
        # settled in between is in the table then.
        claim = self._claims.open_claim()
        protected = self._claims.protected_paths()
        ages = Ages(
            floor=timedelta(seconds=self._settings.orphan_age_s),
            read_grace=timedelta(seconds=self._settings.read_grace_s),
        )
        found: list[Orphan] = []
        for identifier in TABLE_IDENTIFIERS:
            table = load_table(self._catalog, identifier)
            orphans = find_orphans(table, protected, [claim] if claim else [], ages, self._clock())
            if not dry_run:
                remove_orphans(table, orphans)
            found += orphans
        return OrphansResult(
            tuple(orphan.path for orphan in found), sum(orphan.size_bytes for orphan in found)
        )

    def _small_files(self, table: Table) -> list[DayOfSmallFiles]:
        open_from = (self._clock() - DAY_CLOSES_AFTER).date()
        return small_files(table, self._sizes(), open_from)

    def _sizes(self) -> FileSizes:
        return FileSizes(
            target_bytes=self._settings.compact_file_bytes,
            open_day_files=self._settings.compact_open_day_files,
        )

    def _retention(self) -> Retention:
        return Retention(
            newest=self._settings.keep_snapshots,
            hours=self._settings.keep_hourly_snapshots,
            days=self._settings.keep_daily_snapshots,
            read_grace=timedelta(seconds=self._settings.read_grace_s),
            embargo=timedelta(seconds=self._settings.embargo_s),
        )


def _measured(
    operation: MaintenanceOperation, results: Callable[[], Iterable[MaintenanceResult]]
) -> Iterator[MaintenanceResult]:
    """Yield the results of an operation that changed something, and count them."""
    started = monotonic()
    changed = 0
    try:
        with traces.span(f"maintenance {operation}"):
            for result in results():
                changed += result.changed
                if result.changed:
                    yield result
    except CompactionStopped:
        raise
    except Exception:
        metrics.maintenance_failed(operation)
        raise
    metrics.maintained(operation, monotonic() - started, changed, datetime.now(UTC))


def _result(
    day: DayOfSmallFiles, files_after: int | None = None, bytes_after: int | None = None
) -> CompactionResult:
    return CompactionResult(
        day=day.day,
        rows=day.rows,
        files_before=len(day.files),
        bytes_before=day.size_bytes,
        files_after=files_after,
        bytes_after=bytes_after,
    )
