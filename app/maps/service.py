"""Making maps of the lake's stages: which rows of which snapshot a map is of."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from app.maps.build import build_map
from app.maps.description import MapDescription, Parameters, Source
from app.maps.errors import MapNotFound, NothingToMap, StageNotBuilt
from app.maps.shelf import find_map, remove_map
from app.maps.texts import LANGUAGE, NEEDED_COLUMNS
from app.query.filters import Filters
from app.query.reference import Reference, SnapshotView
from app.services import Services
from catalog.errors import TagNotFound
from catalog.snapshots import live_snapshots, tagged_snapshot_id
from catalog.stage_tables import load_stage, source_of, stage_rows
from catalog.stages import STAGES as COMPUTED
from catalog.stages import StageName

MapStage = Literal["raw", "cleaned", "curated"]
STAGES: Final[tuple[MapStage, ...]] = get_args(MapStage)
NOW: Final = Reference()

Progress = Callable[[int], None]


def build_map_of(
    services: Services,
    name: str,
    stage: MapStage,
    reference: Reference,
    parameters: Parameters,
    progress: Progress = lambda _: None,
) -> MapDescription:
    """Make a map of a stage. What is suppressed now is in none, whenever its stage was computed.

    Args:
        services: The lake.
        name: The map's name.
        stage: Whose rows it shows; a computed one has been built.
        reference: The snapshot of the contributions; of a computed stage, now is its newest build.
        parameters: How to make it.
        progress: Called with the number of rows that were read, as they are.

    Raises:
        NothingToMap: The lake or the stage is empty.
        StageNotBuilt: No live snapshot of the stage was computed from this one.
        SnapshotNotFound, TagNotFound: The reference names no snapshot.
        LakeError: Whatever `app.maps.build.build_map` raises.
    """
    if stage == "raw":
        return _map_raw(services, name, services.view(reference), None, parameters, progress)
    table = load_stage(services.catalog, COMPUTED[stage].rows)
    wanted = None if reference == NOW else services.snapshot(reference).snapshot_id
    snapshot_id = _built_from(table, stage, wanted)
    return _map_computed(services, name, table, stage, snapshot_id, None, parameters, progress)


def build_map_of_release(
    services: Services,
    name: str,
    release: str,
    parameters: Parameters,
    progress: Progress = lambda _: None,
) -> MapDescription:
    """Make a map of the stage and the snapshot that a release holds.

    Raises:
        ReleaseNotFound: There is no such release.
        LakeError: Whatever `build_map_of` raises.
    """
    held = services.releases.find(release).stage
    stage = next(each for each in STAGES if each == held)
    return _map_tagged(services, name, stage, release, parameters, progress)


def build_release_maps(
    services: Services,
    release: str,
    parameters: Parameters,
    progress: Progress = lambda _: None,
) -> list[MapDescription]:
    """Make maps of every stage that a release came through, so that one sees what curation did.

    They are called by the release's name and the stage: `2026-11-raw`. Left out are those of stages
    that the release's tag isn't on, since it was made of an earlier one, and of empty ones.

    Raises:
        ReleaseNotFound: There is no such release.
        LakeError: Whatever `build_map_of` raises.
    """
    services.releases.find(release)
    made = []
    for stage in STAGES:
        with suppress(TagNotFound, NothingToMap):
            name = _name_of(release, stage)
            made.append(_map_tagged(services, name, stage, release, parameters, progress))
    return made


def remove_release_maps(services: Services, release: str) -> None:
    """Remove the maps that were made with a release, as far as they are still there.

    Others that happen to have such a name stay.
    """
    shelf = services.settings.maps
    for stage in STAGES:
        name = _name_of(release, stage)
        with suppress(MapNotFound):
            if find_map(shelf, name).source.release == release:
                remove_map(shelf, name)


def _name_of(release: str, stage: MapStage) -> str:
    return f"{release}-{stage}"


def _map_tagged(
    services: Services,
    name: str,
    stage: MapStage,
    release: str,
    parameters: Parameters,
    progress: Progress,
) -> MapDescription:
    """Make a map of the snapshot of a stage that has a release's tag."""
    if stage == "raw":
        view = services.view(Reference(tag=release))
        return _map_raw(services, name, view, release, parameters, progress)
    table = load_stage(services.catalog, COMPUTED[stage].rows)
    snapshot_id = tagged_snapshot_id(table, release)
    return _map_computed(services, name, table, stage, snapshot_id, release, parameters, progress)


def _map_raw(
    services: Services,
    name: str,
    view: SnapshotView,
    release: str | None,
    parameters: Parameters,
    progress: Progress,
) -> MapDescription:
    if view.snapshot is None:
        raise NothingToMap(name, parameters.kind)
    rows = services.contributions.stream(view, Filters(), NEEDED_COLUMNS)
    source = Source(
        stage="raw",
        snapshot_id=str(view.snapshot.snapshot_id),
        committed_at=view.snapshot.committed_at,
        release=release,
    )
    shown = _without(services.suppressed(view), rows)
    return build_map(services.settings.maps, name, source, shown, parameters, progress)


def _map_computed(
    services: Services,
    name: str,
    table: Table,
    stage: StageName,
    snapshot_id: int,
    release: str | None,
    parameters: Parameters,
    progress: Progress,
) -> MapDescription:
    source_id = source_of(table, snapshot_id)
    if source_id is None:
        raise StageNotBuilt(stage)
    view = services.view(Reference(snapshot_id=source_id))
    if view.snapshot is None:
        raise NothingToMap(name, parameters.kind)
    source = Source(
        stage=stage,
        snapshot_id=str(source_id),
        committed_at=view.snapshot.committed_at,
        stage_snapshot_id=str(snapshot_id),
        release=release,
    )
    rows = stage_rows(table, snapshot_id, [*NEEDED_COLUMNS, LANGUAGE])
    shown = _without(services.suppressed(view), rows)
    return build_map(services.settings.maps, name, source, shown, parameters, progress)


def _built_from(table: Table, stage: StageName, wanted: int | None) -> int:
    """Return the newest live snapshot of a stage; if one is wanted, that was computed from it."""
    for snapshot in live_snapshots(table):
        source = source_of(table, snapshot.snapshot_id)
        if source is not None and wanted in (None, source):
            return snapshot.snapshot_id
    raise StageNotBuilt(stage, wanted)


def _without(left_out: pa.Array, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.filter(pc.invert(pc.is_in(batch.column("contribution_id"), left_out)))
