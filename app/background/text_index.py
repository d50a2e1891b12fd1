"""Building the index of texts, on every node, beside the committer or by command."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from time import monotonic
from typing import Final

from pyiceberg.catalog import Catalog
from pyiceberg.expressions import BooleanExpression
from pyiceberg.table import Table

from app.query.filters import received_between
from app.query.text_index.folder import IndexStatus, TextIndexes
from app.telemetry import metrics
from catalog.errors import LakeError
from catalog.reading.plans import EVERY_ROW, DataFile, PlannedFile, plan
from catalog.reading.scan import day_bounds
from catalog.schema import TABLE_IDENTIFIER
from catalog.snapshots import to_snapshot
from catalog.stages.files import newest_stage_files
from catalog.stages.tables import COMPUTED_STAGES
from catalog.table import load_table
from catalog.wording import counted

INDEXED_TABLES: Final = (TABLE_IDENTIFIER, *(stage.rows for stage in COMPUTED_STAGES.values()))
"""The tables with texts, in the order in which they are indexed."""
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
        rows, left = counted(self.rows, "row"), counted(self.missing, "file")
        return f"indexed {rows} in {self.seconds:.1f} s; {left} to do"


class TextIndexing:
    """Gives each data file with texts an index, and removes those of replaced files."""

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
            catalog: Returns the catalog of the tables.
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
        """Index the data files of the newest snapshots, and yield each.

        The raw table comes first, and the newest file of each table.

        Returns at once when another process of this node does it, or the disk is nearly full.

        Raises:
            IndexingStopped: `stop` was set.
        """
        with closing(self._indexes.builder_lock()) as lock:
            if not lock.try_acquire():
                return
            is_done = False
            while not is_done and (missing := self._missing()):
                # What couldn't be built is left to the next step, such as a file that was lost.
                is_done = True
                looked_at = monotonic()
                for place, (name, file) in enumerate(missing, 1):
                    if not self._indexes.have_room():
                        return
                    started = monotonic()
                    if started - looked_at > POLL_S:
                        # The first build of a large lake takes hours, and a takedown minutes.
                        self.remove_replaced()
                        looked_at = started
                    if self._build(name, file, stop):
                        is_done = False
                        seconds = monotonic() - started
                        metrics.maintained("index_texts", seconds, 1, self._clock())
                        yield IndexedFile(file.rows, seconds, len(missing) - place)

    def remove_replaced(self) -> int:
        """Remove the indexes of data files that no table has any more, and tell how many.

        An index that is being built of one doesn't appear either.
        """
        return self._indexes.remove_others(self._files)

    def drop(self) -> int:
        """Remove all indexes of this node, and tell how many files it was."""
        return self._indexes.remove_others(list)

    def status(self) -> IndexStatus:
        """Return how much of the newest snapshots is indexed on this node."""
        return self._indexes.status(self._files())

    def _missing(self) -> list[tuple[str, PlannedFile]]:
        """Return the files that are to be indexed, in that order, with the names of their tables.

        Everybody may search the raw table, and often only few the stages.
        """
        self.remove_replaced()
        return [
            (name, file)
            for name in INDEXED_TABLES
            for file in reversed(files_with_texts(self._catalog(), name))
            if not self._indexes.is_indexed(file)
        ]

    def _build(self, name: str, file: PlannedFile, stop: Event) -> bool:
        """Build the index of a file, and tell whether it has one; not if it was replaced."""

        def is_needed() -> bool:
            of_day = received_between(*day_bounds(file.day, file.day))
            files = files_with_texts(self._catalog(), name, of_day)
            return any(each.path == file.path for each in files)

        if not is_needed():
            return False
        table = load_table(self._catalog(), name)
        return self._indexes.build(table, file, _Pace(self._share, stop), is_needed)

    def _files(self) -> list[PlannedFile]:
        files = (files_with_texts(self._catalog(), name) for name in INDEXED_TABLES)
        return [file for of_table in files for file in of_table]


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


def files_with_texts(
    catalog: Catalog, name: str, condition: BooleanExpression = EVERY_ROW
) -> Sequence[PlannedFile]:
    """Return the data files of a table's newest snapshot, oldest day first.

    Args:
        catalog: The catalog of the table.
        name: One of `INDEXED_TABLES`.
        condition: The rows that a file has to have, as far as its bounds tell.
    """
    table = load_table(catalog, name)
    if name == TABLE_IDENTIFIER:
        return newest_files(table, condition)
    return newest_stage_files(table, condition)


def newest_files(table: Table, condition: BooleanExpression = EVERY_ROW) -> list[DataFile]:
    """Return the data files of the raw table's newest snapshot, oldest day first."""
    newest = table.current_snapshot()
    return plan(table, to_snapshot(newest), condition) if newest else []
