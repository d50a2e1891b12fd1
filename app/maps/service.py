"""The maps of the lake's stages and releases: built, found and removed."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.curation.suppressions import Suppressions
from app.maps.description import MapDescription, MapSource, Parameters
from app.maps.errors import MapNotFound, NothingToMap, StageNotBuilt
from app.maps.store import MapStore
from app.maps.texts import LANGUAGE, NEEDED_COLUMNS
from app.query.contributions import Contributions
from app.query.filters import Filters
from app.query.snapshots import Reference, Snapshots, SnapshotView
from app.releases.service import Releases
from catalog.errors import TagNotFound
from catalog.membership import without
from catalog.snapshots import live_snapshots, tagged_snapshot_id
from catalog.stage_tables import load_stage, source_of, stage_rows
from catalog.stages import COMPUTED_STAGES, STAGES, ComputedStage, Stage

Progress = Callable[[int], None]
"""Called with the number of rows that were read, as they are."""


class Maps:
    """Makes maps of a lake, and keeps them.

    What is suppressed now is in none that is made, whenever its stage was computed.

    Attributes:
        store: The maps that were made.
    """

    def __init__(
        self,
        store: MapStore,
        catalog: Callable[[], Catalog],
        snapshots: Snapshots,
        contributions: Contributions,
        suppressions: Suppressions,
        releases: Releases,
    ) -> None:
        """Prepare to make maps; nothing is connected to before it is needed.

        Args:
            store: Keeps the maps.
            catalog: Returns the catalog with the tables of the stages.
            snapshots: Finds the snapshots of the contributions.
            contributions: Reads contributions.
            suppressions: Knows which contributions are suppressed.
            releases: Knows which stage a release holds.
        """
        self.store = store
        self._catalog = catalog
        self._snapshots = snapshots
        self._contributions = contributions
        self._suppressions = suppressions
        self._releases = releases

    def build(
        self,
        name: str,
        stage: Stage,
        reference: Reference,
        parameters: Parameters,
        progress: Progress = lambda _: None,
    ) -> MapDescription:
        """Make a map of a stage.

        Args:
            name: The map's name.
            stage: The stage whose rows the map shows; a computed one has been built.
            reference: The snapshot of the contributions; of a computed stage, now is its newest
                build.
            parameters: How to make it.
            progress: Called with the number of rows that were read, as they are.

        Raises:
            NothingToMap: The lake or the stage is empty.
            StageNotBuilt: No live snapshot of the stage was computed from this snapshot.
            SnapshotNotFound: The reference names no snapshot.
            TagNotFound: No snapshot has the tag.
            LakeError: Whatever `app.maps.build.build_map` raises.
        """
        if stage == "raw":
            return self._map_raw(name, self._snapshots.view(reference), None, parameters, progress)
        table = self._rows_of(stage)
        wanted = None if reference == Reference() else self._snapshots.find(reference).snapshot_id
        snapshot_id = _built_from(table, stage, wanted)
        return self._map_computed(name, table, stage, snapshot_id, None, parameters, progress)

    def build_of_release(
        self,
        name: str,
        release: str,
        parameters: Parameters,
        progress: Progress = lambda _: None,
    ) -> MapDescription:
        """Make a map of the stage and the snapshot that a release holds.

        Raises:
            ReleaseNotFound: There is no such release.
            LakeError: Whatever `build` raises.
        """
        held = self._releases.find(release).stage
        stage = next(each for each in STAGES if each == held)
        return self._map_tagged(name, stage, release, parameters, progress)

    def build_with_release(
        self, release: str, parameters: Parameters, progress: Progress = lambda _: None
    ) -> list[MapDescription]:
        """Make maps of every stage that a release came through, so that one sees what curation did.

        They are called by the release's name and the stage: `2026-11-raw`. Left out are those of
        stages that the release's tag isn't on, since it was made of an earlier one, and of empty
        ones.

        Raises:
            ReleaseNotFound: There is no such release.
            LakeError: Whatever `build` raises.
        """
        self._releases.find(release)
        made = []
        for stage in STAGES:
            with suppress(TagNotFound, NothingToMap):
                name = _name_with(release, stage)
                made.append(self._map_tagged(name, stage, release, parameters, progress))
        return made

    def remove_with_release(self, release: str) -> None:
        """Remove the maps that were made with a release, as far as they are still there.

        Others that happen to have such a name stay.
        """
        for stage in STAGES:
            name = _name_with(release, stage)
            with suppress(MapNotFound):
                if self.store.find(name).source.release == release:
                    self.store.remove(name)

    def _map_tagged(
        self, name: str, stage: Stage, release: str, parameters: Parameters, progress: Progress
    ) -> MapDescription:
        """Make a map of the snapshot of a stage that has a release's tag."""
        if stage == "raw":
            view = self._snapshots.view(Reference(tag=release))
            return self._map_raw(name, view, release, parameters, progress)
        table = self._rows_of(stage)
        snapshot_id = tagged_snapshot_id(table, release)
        return self._map_computed(name, table, stage, snapshot_id, release, parameters, progress)

    def _map_raw(
        self,
        name: str,
        view: SnapshotView,
        release: str | None,
        parameters: Parameters,
        progress: Progress,
    ) -> MapDescription:
        if view.snapshot is None:
            raise NothingToMap(name, parameters.kind)
        rows = self._contributions.stream(view, Filters(), NEEDED_COLUMNS)
        source = MapSource(
            stage="raw",
            snapshot_id=str(view.snapshot.snapshot_id),
            committed_at=view.snapshot.committed_at,
            release=release,
        )
        return self._map(name, source, view, rows, parameters, progress)

    def _map_computed(
        self,
        name: str,
        table: Table,
        stage: ComputedStage,
        snapshot_id: int,
        release: str | None,
        parameters: Parameters,
        progress: Progress,
    ) -> MapDescription:
        source_id = source_of(table, snapshot_id)
        if source_id is None:
            raise StageNotBuilt(stage)
        view = self._snapshots.view(Reference(snapshot_id=source_id))
        if view.snapshot is None:
            raise NothingToMap(name, parameters.kind)
        source = MapSource(
            stage=stage,
            snapshot_id=str(source_id),
            committed_at=view.snapshot.committed_at,
            stage_snapshot_id=str(snapshot_id),
            release=release,
        )
        rows = stage_rows(table, snapshot_id, [*NEEDED_COLUMNS, LANGUAGE])
        return self._map(name, source, view, rows, parameters, progress)

    def _map(
        self,
        name: str,
        source: MapSource,
        view: SnapshotView,
        rows: Iterator[pa.RecordBatch],
        parameters: Parameters,
        progress: Progress,
    ) -> MapDescription:
        # What arranges points takes seconds to import, and no request needs it.
        from app.maps.build import build_map  # noqa: PLC0415

        suppressed = self._suppressions.suppressed_in(view)
        shown = (without(batch, suppressed) for batch in rows)
        return build_map(self.store, name, source, shown, parameters, progress)

    def _rows_of(self, stage: ComputedStage) -> Table:
        return load_stage(self._catalog(), COMPUTED_STAGES[stage].rows)


def _name_with(release: str, stage: Stage) -> str:
    return f"{release}-{stage}"


def _built_from(table: Table, stage: ComputedStage, wanted: int | None) -> int:
    """Return the newest live snapshot of a stage; if one is wanted, that was computed from it."""
    for snapshot in live_snapshots(table):
        source = source_of(table, snapshot.snapshot_id)
        if source is not None and wanted in (None, source):
            return snapshot.snapshot_id
    raise StageNotBuilt(stage, wanted)
