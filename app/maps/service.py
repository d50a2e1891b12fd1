"""The maps of a lake: built of a stage or a release, found and removed."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.access.hidden_watch import HiddenWatch
from app.access.visibility.held_back import HeldBackResults
from app.maps.description import POINTS_FILE, MapDescription, MapParameters, MapSource, Progress
from app.maps.errors import MapNotFound, NothingToMap, StageNotBuilt
from app.maps.later_stages import later_stages
from app.maps.places import MapPlace, find_place
from app.maps.store import MapStore
from app.maps.takedown import MapTakedown
from app.maps.texts import LANGUAGE, NEEDED_COLUMNS
from app.query.contributions.reader import Contributions
from app.query.filters import Filters
from app.query.snapshots import Reference, Snapshots, SnapshotView
from app.releases.service import Releases
from app.state.db import Database
from catalog.errors import TagNotFound
from catalog.reading.membership import without
from catalog.snapshots import held, tagged_snapshot_id
from catalog.stages.builds import newest_build, source_of
from catalog.stages.reader import stage_rows
from catalog.stages.tables import COMPUTED_STAGES, STAGES, ComputedStage, Stage
from catalog.table import load_table


@dataclass(frozen=True, slots=True)
class _Request:
    """The parts of a map's build that don't depend on the source of its rows.

    Attributes:
        name: Name of the map.
        parameters: Parameters of the map.
        progress: Called after each batch with the number of its rows.
        release: Name of the release that the map is built for; None when it is for none.
    """

    name: str
    parameters: MapParameters
    progress: Progress
    release: str | None = None


class Maps:
    """Builds maps and keeps them.

    A map doesn't show what is hidden when it is built, even if its stage was computed before.

    Attributes:
        store: The published maps.
    """

    def __init__(
        self,
        database: Database,
        store: MapStore,
        catalog: Callable[[], Catalog],
        snapshots: Snapshots,
        contributions: Contributions,
        hidden: Callable[[], pa.Array],
        watch: Callable[[str], HiddenWatch],
        releases: Releases,
    ) -> None:
        """Prepare without connecting to anything.

        Args:
            database: Keeps the list of what is held back.
            store: Keeps the published maps.
            catalog: Returns the catalog with the tables of the stages.
            snapshots: Finds the snapshots of the contributions.
            contributions: Reads the contributions of a snapshot.
            hidden: Returns the ids of the contributions that are hidden from readers, ascending.
            watch: Begins to watch what is hidden, for a map of a name.
            releases: Knows the stage of each release.
        """
        self.store = store
        self._held_back = HeldBackResults(database)
        self._takedown = MapTakedown(database, store, self._held_back)
        self._watch = watch
        self._catalog = catalog
        self._snapshots = snapshots
        self._contributions = contributions
        self._hidden = hidden
        self._releases = releases

    def build(
        self,
        name: str,
        stage: Stage,
        reference: Reference,
        parameters: MapParameters,
        progress: Progress = lambda _: None,
    ) -> MapDescription:
        """Build a map of a stage.

        Args:
            name: Name of the map.
            stage: Stage whose rows the map shows; a computed stage must be built already.
            reference: Snapshot of the contributions. The default reference stands for the newest
                snapshot or, for a computed stage, for the snapshot of its newest build.
            parameters: Parameters of the map.
            progress: Called after each batch with the number of its rows.

        Raises:
            NothingToMap: The lake or the stage is empty.
            StageNotBuilt: No live snapshot of the stage was computed from this snapshot.
            SnapshotNotFound: No snapshot matches the reference.
            SnapshotNotPublic: The snapshot, or that of the stage, is younger than the embargo.
            TagNotFound: No snapshot has the tag.
            LakeError: Any error that `app.maps.build.build_map` raises.
        """
        request = _Request(name, parameters, progress)
        if stage == "raw":
            return self._map_raw(request, self._snapshots.view(reference))
        table = self._table_of(stage)
        source_id = (
            None if reference == Reference() else self._snapshots.find(reference).snapshot_id
        )
        snapshot_id = newest_build(table, source_id)
        if snapshot_id is None:
            raise StageNotBuilt(stage, source_id)
        return self._map_computed(request, table, stage, snapshot_id)

    def build_of_release(
        self,
        name: str,
        release: str,
        parameters: MapParameters,
        progress: Progress = lambda _: None,
    ) -> MapDescription:
        """Build a map of the stage and the snapshot of a release.

        Args:
            name: Name of the map.
            release: Name of the release.
            parameters: Parameters of the map.
            progress: Called after each batch with the number of its rows.

        Raises:
            ReleaseNotFound: No release has this name.
            LakeError: Any error that `build` raises.
        """
        stage = self._releases.find(release).stage
        return self._map_tagged(_Request(name, parameters, progress, release), stage, release)

    def build_with_release(
        self, release: str, parameters: MapParameters, progress: Progress = lambda _: None
    ) -> list[MapDescription]:
        """Build a map of each stage that a release came through, which shows what curation did.

        A map's name is that of the release and the stage, such as `2026-11-raw`. Later stages than
        the release's own, which don't have its tag, and empty stages get no map.

        Args:
            release: Name of the release.
            parameters: Parameters of the maps.
            progress: Called after each batch with the number of its rows.

        Raises:
            ReleaseNotFound: No release has this name.
            LakeError: Any error that `build` raises.
        """
        self._releases.find(release)
        built = []
        for stage in STAGES:
            request = _Request(_map_name(release, stage), parameters, progress, release)
            with suppress(TagNotFound, NothingToMap):
                built.append(self._map_tagged(request, stage, release))
        return built

    def all(self) -> list[MapDescription]:
        """Return the descriptions of all maps, by name."""
        return self.store.all()

    def find(self, name: str) -> MapDescription:
        """Return the description of a map.

        Raises:
            MapNotFound: No map has this name.
        """
        return self.store.find(name)

    def of_release(self, release: str) -> list[MapDescription]:
        """Return the descriptions of the maps that were built for a release, latest stage first."""
        found = (each for each in self.all() if each.source.release == release)
        return sorted(found, key=lambda each: STAGES.index(each.source.stage), reverse=True)

    def file(self, name: str, path: str) -> Path:
        """Return the path of a file of a map.

        Raises:
            MapNotFound: No map has this name, or it has no such file.
            HeldBack: Something is being taken out of the map.
        """
        found = self.store.file(name, path)
        self._held_back.check("map", name)
        return found

    def place(self, name: str, contribution_id: str) -> MapPlace | None:
        """Return the place of a contribution on a map; None if the map doesn't show it.

        Raises:
            MapNotFound: No map has this name.
            HeldBack: Something is being taken out of the map.
        """
        return find_place(name, self.file(name, POINTS_FILE), contribution_id)

    def location(self, name: str) -> str:
        """Return the path of a map's folder, to be read by a person."""
        return self.store.location(name)

    def hold_back(self, ids: pa.Array) -> None:
        """Hold back the maps that show some contributions, as `MapTakedown.hold_back` does."""
        self._takedown.hold_back(ids)

    def take_down(self, ids: pa.Array) -> None:
        """Take contributions out of all maps, as `MapTakedown.take_down` does."""
        self._takedown.take_down(ids)

    def remove(self, name: str) -> None:
        """Remove a map.

        Raises:
            MapNotFound: No map has this name.
        """
        # Otherwise a takedown that makes the map again could bring it back.
        with self._takedown.changing():
            self.store.remove(name)

    def remove_with_release(self, release: str) -> None:
        """Remove the maps that `build_with_release` built and that are still there.

        A map of another source stays, even if it has such a name.
        """
        for stage in STAGES:
            name = _map_name(release, stage)
            with suppress(MapNotFound):
                if self.store.find(name).source.release == release:
                    self.remove(name)

    def _map_tagged(self, request: _Request, stage: Stage, release: str) -> MapDescription:
        """Build a map of the snapshot of a stage that has a release's tag."""
        if stage == "raw":
            return self._map_raw(request, self._snapshots.view(Reference(tag=release)))
        table = self._table_of(stage)
        return self._map_computed(request, table, stage, tagged_snapshot_id(table, release))

    def _map_raw(self, request: _Request, view: SnapshotView) -> MapDescription:
        if view.snapshot is None:
            raise NothingToMap(request.name, request.parameters.kind)
        rows = self._contributions.stream(view, Filters(), NEEDED_COLUMNS)
        source = MapSource(
            stage="raw",
            snapshot_id=str(view.snapshot.snapshot_id),
            committed_at=view.snapshot.committed_at,
            release=request.release,
        )
        return self._map(request, source, rows)

    def _map_computed(
        self, request: _Request, table: Table, stage: ComputedStage, snapshot_id: int
    ) -> MapDescription:
        source_id = source_of(table, snapshot_id)
        if source_id is None:
            raise StageNotBuilt(stage)
        view = self._snapshots.view(Reference(snapshot_id=source_id))
        if view.snapshot is None:
            raise NothingToMap(request.name, request.parameters.kind)
        source = MapSource(
            stage=stage,
            snapshot_id=str(source_id),
            committed_at=view.snapshot.committed_at,
            stage_snapshot_id=str(snapshot_id),
            release=request.release,
        )
        with held(table, snapshot_id):
            rows = stage_rows(table, snapshot_id, [*NEEDED_COLUMNS, LANGUAGE])
            return self._map(request, source, rows)

    def _map(
        self,
        request: _Request,
        source: MapSource,
        rows: Iterator[pa.RecordBatch],
    ) -> MapDescription:
        # The libraries that arrange points take seconds to import, and no request needs them.
        from app.maps.build import build_map  # noqa: PLC0415

        hidden = self._hidden()
        watch = self._watch(request.name)
        with later_stages(self._catalog(), source.stage, int(source.snapshot_id)) as later:
            shown = (later.add_to(without(batch, hidden)) for batch in watch.left(rows))
            return build_map(
                self.store,
                request.name,
                source,
                shown,
                request.parameters,
                request.progress,
                partial(self._takedown.publishing, request.name, watch),
            )

    def _table_of(self, stage: ComputedStage) -> Table:
        return load_table(self._catalog(), COMPUTED_STAGES[stage].rows)


def _map_name(release: str, stage: Stage) -> str:
    return f"{release}-{stage}"
