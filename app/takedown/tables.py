"""Erasing from the tables: the raw table first, then those of the stages, and then their old files.

The old files are removed in a step of their own, after those who may still read them have had their
time. Stages are erased from while none is built, since a build that has read a row would write it.
"""

import logging
from collections.abc import Callable, Collection
from time import monotonic
from typing import Final

import pyarrow as pa

from app.access.takedowns.register import Takedowns
from app.curation.pipeline.records import BUILD_LOCK
from app.curation.recount import recount_chunks
from app.state import ledger_changes
from app.state.db import Database
from app.takedown.waiting import Waiting
from app.telemetry import metrics
from catalog.connection import LockingCatalog
from catalog.maintenance.erasing import ErasedRows, erase_rows
from catalog.maintenance.leftovers import remove_leftovers
from catalog.reading.size import size_of
from catalog.replaced import REPLACED_BY, REPLACED_IDENTIFIER
from catalog.schema import TABLE_IDENTIFIER
from catalog.snapshots import live_snapshots
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table

_MENTIONS: Final = ("kept_id",)
"""The column of dropped rows that names the contribution which was kept instead."""

log = logging.getLogger(__name__)


class TableErasure:
    """Erases contributions from every live snapshot of every table of the lake."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], LockingCatalog],
        takedowns: Takedowns,
        protected_paths: Callable[[], Collection[str]],
        waiting: Waiting,
        grace_s: float,
    ) -> None:
        """Prepare to erase.

        Args:
            database: Has the ledger, the records of chunks, and the lock of builds.
            catalog: Returns the catalog of the tables.
            takedowns: Know which contributions the ledger still counts.
            protected_paths: Returns the URLs of files that pending uploads refer to.
            waiting: Waits for builds of stages, and for readers.
            grace_s: How long readers may still open the files that were replaced.
        """
        self._database = database
        self._catalog = catalog
        self._takedowns = takedowns
        self._protected_paths = protected_paths
        self._waiting = waiting
        self._grace_s = grace_s
        self._replaced: dict[str, set[str]] = {}
        # What a killed process replaced, it replaced before this one began.
        self._replaced_at = monotonic()

    def erase_rows(self, ids: pa.Array) -> None:
        """Erase contributions from all live snapshots, and from the numbers that count rows.

        Raises:
            TakedownStopped: The process is to end.
            CommitConflict: Other processes kept committing first.
        """
        # In this order, whoever counts finds no row less than there are: what `replaced` lacks, and
        # the raw table has, is hidden.
        self._erase_from(REPLACED_IDENTIFIER, _replaced(ids))
        self._erase_from(TABLE_IDENTIFIER, ErasedRows(ids))
        self._count(ids)
        with self._waiting.holding(self._database.lock(BUILD_LOCK)):
            for name, erased in _stage_tables(ids).items():
                self._erase_from(name, erased)
            recount_chunks(self._database, self._catalog(), ids)

    def remove_files(self, ids: pa.Array) -> None:
        """Remove the files that hold contributions and that no table refers to any more.

        Raises:
            TakedownStopped: The process is to end.
            OSError: A file can't be read or removed.
        """
        self._waiting.wait_for_readers(self._replaced_at + self._grace_s)
        # Again: a committer that had asked for takedowns before this one may have appended an id
        # since, and whoever counts would miss a row for it.
        self._erase_from(REPLACED_IDENTIFIER, _replaced(ids))
        self._waiting.wait_for_readers(self._replaced_at + self._grace_s)
        self._remove_from(TABLE_IDENTIFIER, ErasedRows(ids))
        self._remove_from(REPLACED_IDENTIFIER, _replaced(ids))
        with self._waiting.holding(self._database.lock(BUILD_LOCK)):
            for name, erased in _stage_tables(ids).items():
                self._remove_from(name, erased)

    def _erase_from(self, name: str, erased: ErasedRows) -> None:
        started = monotonic()
        replaced = erase_rows(load_table(self._catalog(), name), erased)
        if replaced:
            self._replaced.setdefault(name, set()).update(replaced)
            self._replaced_at = monotonic()
            log.info(
                "erased from %s: %d files replaced, %.3f s",
                *(name, len(replaced), monotonic() - started),
            )

    def _count(self, ids: pa.Array) -> None:
        self._takedowns.count_off(ids)
        table = load_table(self._catalog())
        with self._database.write() as connection:
            # A snapshot that was recorded meanwhile has been counted off already, or never.
            ledger_changes.correct(connection, live_snapshots(table))
        metrics.table_is(size_of(table))

    def _remove_from(self, name: str, erased: ErasedRows) -> None:
        protected = self._protected_paths()
        replaced = self._replaced.get(name, set())
        table = load_table(self._catalog(), name)
        removed = remove_leftovers(table, erased, replaced, protected)
        self._replaced.pop(name, None)
        if removed:
            log.info("removed %d files of %s", removed, name)


def _replaced(ids: pa.Array) -> ErasedRows:
    """Return what is erased from the table `replaced`."""
    return ErasedRows(ids, (REPLACED_BY,))


def _stage_tables(ids: pa.Array) -> dict[str, ErasedRows]:
    """Return what is erased from each table of the stages, by its identifier."""
    tables = {}
    for stage in COMPUTED_STAGES.values():
        tables[stage.rows] = ErasedRows(ids)
        tables[stage.dropped] = ErasedRows(ids, _MENTIONS)
    return tables
