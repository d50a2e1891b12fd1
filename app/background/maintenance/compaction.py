"""Rewriting small files into fewer, larger ones: of the raw table, and of `replaced`."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Event
from typing import Final

from pyiceberg.table import Table

from app.background.maintenance.results import CompactionResult, MaintenanceResult, ReplacedResult
from app.ingest.commits.claims import Claims
from app.settings import Settings
from app.state import ledger_changes
from app.state.db import Database
from app.versions.recording import VersionRecorder
from catalog.connection import LockingCatalog
from catalog.maintenance.compaction import (
    CompactionSizes,
    CompactionStopped,
    DayOfSmallFiles,
    compact,
    small_files,
)
from catalog.maintenance.replaced import TakeOver, compact_replaced
from catalog.replaced import REPLACED_IDENTIFIER
from catalog.table import load_table

DAY_CLOSES_AFTER: Final = timedelta(hours=1)
"""Time after a day's end in which contributions that were received on it may still be committed."""
_POLL_S = 0.1


class Compaction:
    """Compacts small files, in commits of its own.

    Files of stages needn't be compacted: a chunk is replaced as a whole, and has one file.
    """

    def __init__(
        self,
        database: Database,
        claims: Claims,
        catalog: LockingCatalog,
        versions: VersionRecorder,
        settings: Settings,
        clock: Callable[[], datetime],
        take_over: TakeOver,
    ) -> None:
        """Compact the tables of a lake.

        Args:
            database: The database of the ledger.
            claims: Tells which batch is being committed.
            catalog: The catalog of the tables.
            versions: Records what commits replaced, before the ledger has a snapshot of theirs.
            settings: How large files should be.
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

    def compact_all(self, stop: Event) -> Iterator[MaintenanceResult]:
        """Compact both tables, and yield the results, as `compact` and `compact_replaced` do."""
        yield from self.compact(stop)
        yield self.compact_replaced()

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
                ledger_changes.record(connection, [compacted.snapshot])
            yield _result(day, compacted.files, compacted.size_bytes)
            self._let_append_pass(stop)

    def compact_replaced(self) -> ReplacedResult:
        """Compact the days of the table `replaced` that are worth it, in one commit.

        Raises:
            CommitConflict: Another writer kept committing first.
        """
        table = load_table(self._catalog, REPLACED_IDENTIFIER)
        return ReplacedResult(compact_replaced(table, self._take_over))

    def _let_append_pass(self, stop: Event) -> None:
        """Wait until a batch is settled, since this commit may have made its append fail.

        Without the wait, the next compaction could make it fail again.
        """
        claim = self._claims.open_claim()
        while claim and self._claims.open_claim() == claim:
            if stop.wait(_POLL_S):
                raise CompactionStopped

    def _small_files(self, table: Table) -> list[DayOfSmallFiles]:
        open_from = (self._clock() - DAY_CLOSES_AFTER).date()
        return small_files(table, self._sizes(), open_from)

    def _sizes(self) -> CompactionSizes:
        return CompactionSizes(
            target_bytes=self._settings.compact_file_bytes,
            open_day_files=self._settings.compact_open_day_files,
        )


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
