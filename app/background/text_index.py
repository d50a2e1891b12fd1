"""Building the index of texts, on every node, beside the committer or by command."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from time import monotonic
from typing import Final

from pyiceberg.catalog import Catalog
from pyiceberg.expressions import BooleanExpression
from pyiceberg.table import Table

from app.background.maintenance import DAY_CLOSES_AFTER
from app.query.filters import received_between
from app.query.text_index.folder import IndexStatus, TextIndexes
from app.telemetry import metrics
from catalog.errors import LakeError
from catalog.plans import EVERY_ROW, DataFile, plan
from catalog.scan import day_bounds
from catalog.snapshots import to_snapshot
from catalog.table import load_table

POLL_S: Final = 10.0
"""Time between two looks for data files that have no index."""

log = logging.getLogger(__name__)


class IndexingStopped(LakeError):
    """The process is to end; the index that was being built is thrown away."""


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A data file whose texts are indexed now.

    Attributes:
        rows: Number of its rows.
        seconds: How long it took.
        missing: Number of data files that are still to be indexed.
    """

    rows: int
    seconds: float
    missing: int

    def __str__(self) -> str:
        return f"indexed {self.rows} rows in {self.seconds:.1f} s; {self.missing} files are left"


class TextIndexing:
    """Gives each data file of the raw table an index, and removes those of replaced files."""

    def __init__(
        self,
        indexes: TextIndexes,
        catalog: Callable[[], Catalog],
        share: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare to build.

        Args:
            indexes: The indexes of this node.
            catalog: Returns the catalog of the table.
            share: The share of its time in which a thread builds, above 0 and up to 1.
            clock: Returns the time.
        """
        self._indexes = indexes
        self._catalog = catalog
        self._share = share
        self._clock = clock

    def run(self, stop: Event) -> None:
        """Index what is new, until told to stop."""
        has_failed = False
        while not stop.wait(POLL_S):
            try:
                for indexed in self.step(stop):
                    log.info("%s", indexed)
                has_failed = False
            except IndexingStopped:
                return
            except Exception:
                # Readers read what has no index. An outage may be long, so it is logged once.
                if not has_failed:
                    log.exception("indexing texts failed; it is tried again")
                has_failed = True
                metrics.maintenance_failed("index_texts")

    def step(self, stop: Event) -> Iterator[IndexedFile]:
        """Index the data files of the newest snapshot, newest first, and yield each.

        Returns at once when another process of this node does it.

        Raises:
            IndexingStopped: `stop` was set.
        """
        with closing(self._indexes.builder_lock()) as lock:
            if not lock.try_acquire():
                return
            while missing := self._missing():
                looked_at = monotonic()
                for left, file in reversed([*enumerate(missing)]):
                    started = monotonic()
                    if started - looked_at > POLL_S:
                        # The first build of a large lake takes hours, and a takedown minutes.
                        self.remove_replaced()
                        looked_at = started
                    if self._build(file, stop):
                        seconds = monotonic() - started
                        metrics.maintained("index_texts", seconds, 1, self._clock())
                        yield IndexedFile(file.rows, seconds, left)

    def remove_replaced(self) -> int:
        """Remove the indexes of data files that the table has no more, and tell how many.

        An index that is being built of one doesn't appear either.
        """
        return self._indexes.remove_others(lambda: newest_files(self._table()))

    def drop(self) -> int:
        """Remove all indexes of this node, and tell how many files it was."""
        return self._indexes.remove_others(list)

    def status(self) -> IndexStatus:
        """Return how much of the newest snapshot is indexed on this node."""
        return self._indexes.status(newest_files(self._table()))

    def _missing(self) -> list[DataFile]:
        self.remove_replaced()
        open_from = (self._clock() - DAY_CLOSES_AFTER).date()
        return [
            file
            for file in newest_files(self._table())
            if self._indexes.is_worth_it(file, open_from) and not self._indexes.is_indexed(file)
        ]

    def _build(self, file: DataFile, stop: Event) -> bool:
        """Build the index of a file, and tell whether it has one; not if it was replaced."""

        def is_needed() -> bool:
            of_day = received_between(*day_bounds(file.day, file.day))
            return any(each.path == file.path for each in newest_files(self._table(), of_day))

        if not is_needed():
            return False
        return self._indexes.build(self._table(), file, _Pace(self._share, stop), is_needed)

    def _table(self) -> Table:
        return load_table(self._catalog())


class _Pace:
    """Pauses between pieces of work, so that they take a share of the time only."""

    def __init__(self, share: float, stop: Event) -> None:
        self._share = share
        self._stop = stop
        self._resumed_at = monotonic()

    def __call__(self) -> None:
        worked_s = monotonic() - self._resumed_at
        if self._stop.wait(worked_s / self._share - worked_s):
            raise IndexingStopped
        self._resumed_at = monotonic()


def newest_files(table: Table, condition: BooleanExpression = EVERY_ROW) -> list[DataFile]:
    """Return the data files of a table's newest snapshot, oldest day first."""
    newest = table.current_snapshot()
    return plan(table, to_snapshot(newest), condition) if newest else []
