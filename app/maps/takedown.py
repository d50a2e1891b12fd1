"""Taking contributions out of published maps."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.access.hidden_watch import HiddenWatch
from app.access.visibility.held_back import HeldBackResults
from app.maps.description import POINTS_FILE
from app.maps.errors import MapNotFound
from app.maps.store import MapStore
from app.state.db import Database
from app.state.locks import holding
from catalog.reading.membership import is_among
from catalog.schema import ID

_LOCK: Final = "maps"
_KIND: Final = "map"

log = logging.getLogger(__name__)


class MapTakedown:
    """Holds maps back, and makes them again without what is taken down."""

    def __init__(self, database: Database, store: MapStore, held_back: HeldBackResults) -> None:
        """Prepare without connecting to anything.

        Args:
            database: Has the lock of those who change what is published.
            store: Keeps the published maps.
            held_back: The list of what is held back.
        """
        self._database = database
        self._store = store
        self._held_back = held_back

    def hold_back(self, ids: pa.Array) -> None:
        """Hold back the maps that show some contributions.

        Args:
            ids: The contribution_ids, ascending.
        """
        if len(ids):
            for description in self._store.all():
                # An earlier takedown may remove it meanwhile, when no point is left.
                with suppress(MapNotFound, FileNotFoundError):
                    self._hold_back(description.name, ids)

    def take_down(self, ids: pa.Array) -> None:
        """Make maps again without some contributions, and remove those without a point left.

        It may be repeated after it was interrupted at any point.

        Args:
            ids: The contribution_ids, ascending.
        """
        with self.changing():
            self.hold_back(ids)
            for name, held in self._held_back.held_for(_KIND, ids).items():
                self._remake(name, ids)
                self._held_back.end(_KIND, name, held)
            self._store.remove_unfinished()

    @contextmanager
    def publishing(self, name: str, watch: HiddenWatch, folder: Path) -> Iterator[None]:
        """Let a map be published in the block, unless it shows what is hidden.

        Args:
            name: Name of the map.
            watch: Watches the rows that it is built of.
            folder: The folder with its files.

        Raises:
            HiddenMeanwhile: The map shows a row that is hidden, or may show one that is taken down.
        """
        # A takedown that was recorded before finds nothing of it published, and one that is
        # recorded later finds the map.
        with self.changing():
            watch.check_result(partial(_shown, folder / POINTS_FILE))
            yield
            if len(new := watch.newly_taken_down()):
                self._hold_back(name, new)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Wait until nobody else publishes, remakes or removes maps, on whatever node."""
        with holding(self._database.lock(_LOCK)):
            yield

    def _hold_back(self, name: str, ids: pa.Array) -> None:
        held = _shown(self._store.file(name, POINTS_FILE), ids)
        if len(held):
            log.info("map %s is held back for %d contributions", name, len(held))
            self._held_back.add(_KIND, name, held)

    def _remake(self, name: str, ids: pa.Array) -> None:
        # Finding and naming clusters needs libraries that take seconds to import.
        from app.maps.remake import remake  # noqa: PLC0415

        try:
            description = self._store.find(name)
        except MapNotFound:
            return
        with self._store.revising() as folder:
            points = self._store.file(name, POINTS_FILE)
            remade = remake(folder, description, points, ids)
            if remade is None:
                self._store.remove(name)
            else:
                self._store.replace(folder, name)
        log.info("map %s is made again with %d points", name, remade.rows if remade else 0)


def _shown(points_file: Path, ids: pa.Array) -> pa.Array:
    """Return those of some contributions that the points of a map show, in any order."""
    points = pq.read_table(points_file, columns=[ID])[ID].cast(ids.type)
    return pc.unique(points.filter(is_among(points, ids)))
