"""Building a release: its name is taken, its folder written, its stages tagged, and published."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow.fs import LocalFileSystem
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.access.hidden_watch import HiddenWatch
from app.releases.descriptions.datasheet import Datasheet
from app.releases.errors import ReleaseNameTaken, ReleaseOvertaken
from app.releases.files.data_files import FILE_BYTES
from app.releases.files.folder import write_release
from app.releases.files.published_rows import published_files
from app.releases.manifest import Manifest
from app.releases.recipe import Recipe
from app.releases.registry import Build, Registry
from app.releases.source import (
    ReleaseSource,
    raw_source,
    remove_release_tag,
    stage_source,
    tables_of_releases,
)
from app.releases.status import ProgressReporter
from app.releases.stores.interface import ReleaseStore, is_published
from app.releases.takedowns.takedown import ReleaseTakedown
from app.releases.takedowns.taken_rows import find_taken_rows
from catalog.errors import TagTaken
from catalog.snapshots import Snapshot, tag_snapshot
from catalog.table import load_table

if TYPE_CHECKING:
    from app.curation.pipeline.stages import Stages


class ReleaseBuilder:
    """Builds releases and publishes them."""

    def __init__(
        self,
        registry: Registry,
        store: ReleaseStore,
        catalog: Callable[[], Catalog],
        stages: "Callable[[], Stages]",
        hidden: Callable[[], pa.Array],
        watch: Callable[[str], HiddenWatch],
        takedown: ReleaseTakedown,
        datasheet: Datasheet,
    ) -> None:
        """Prepare without connecting to anything.

        Args:
            registry: Keeps the status of each release.
            store: Keeps the published releases.
            catalog: Returns the catalog with the tables.
            stages: Returns what computes stages.
            hidden: Returns the ids of the contributions that are hidden from readers, ascending.
            watch: Begins to watch what is hidden, for a release of a name.
            takedown: Holds releases back, and keeps others from publishing meanwhile.
            datasheet: What the operator answers to the questions of a datasheet.
        """
        self._registry = registry
        self._store = store
        self._catalog = catalog
        self._stages = stages
        self._hidden = hidden
        self._watch = watch
        self._takedown = takedown
        self._datasheet = datasheet

    def build(
        self,
        recipe: Recipe,
        snapshot: Snapshot,
        reporter: ProgressReporter | None = None,
        file_bytes: int = FILE_BYTES,
    ) -> Manifest:
        """Publish a release of a snapshot, and tag the snapshots of the stages behind it.

        The release is built in a folder of another name and published when it is complete. An
        error before that leaves nothing. Before it is published, the registry gets the number of
        the snapshot of the contributions, by which the name resolves from then on, and the tags are
        set.

        Args:
            recipe: The release to build.
            snapshot: Snapshot of the contributions, live or not.
            reporter: Receives the progress of the build; None when it isn't reported.
            file_bytes: Size in bytes at which a data file is full.

        Raises:
            NameInvalid: The name can't be used.
            ReleaseNameTaken: The name was used before.
            LanguageInvalid: The recipe has a language that no stage would name.
            QualityScoreInvalid: The recipe has a quality score that isn't from 0 to 1.
            FilterNeedsStage: The recipe filters a raw release.
            FormNeedsStage: The recipe asks for the preferences of a raw release.
            SnapshotNotLive: The stage's snapshot was thinned before it was read.
            BucketUnreachable: The release can't be uploaded.
            HiddenMeanwhile: The release holds contributions that were hidden while it was built, or
                some that had been read were taken down.
        """
        recipe.check()
        self._check_unpublished(recipe.name)
        with self._taking_name(recipe, reporter) as build:
            build.step("wait", None)
            watch = self._watch(recipe.name)
            with (
                self._store.folder.building() as folder,
                self._source(recipe, snapshot, build) as source,
            ):
                build.step("rows", source.total)
                rows = replace(source, batches=watch.left(source.batches))
                manifest = write_release(
                    folder, recipe, snapshot, rows, build.advance, file_bytes, self._datasheet
                )
                self._publish(build, folder, source, manifest, watch)
        return manifest

    def _check_unpublished(self, name: str) -> None:
        """Raise ReleaseNameTaken if there is a release whose record doesn't say so.

        Such a release is older than the registry, or its build was killed between publishing it
        and recording that. The latter is recorded here: otherwise the schedule, which reads the
        record, would build it again for ever.
        """
        known = self._registry.find(name)
        if (known is None or known.state == "failed") and is_published(self._store, name):
            manifest = self._store.find(name)
            self._registry.mark_found_published(name, manifest.rows, manifest.sequence_number)
            raise ReleaseNameTaken(name)

    @contextmanager
    def _taking_name(self, recipe: Recipe, reporter: ProgressReporter | None) -> Iterator[Build]:
        """Take the name, and remove what an earlier build left that was killed at publishing."""
        name = recipe.name
        with self._registry.building(recipe, reporter) as (build, died_publishing):
            if died_publishing and not is_published(self._store, name):
                remove_release_tag(tables_of_releases(self._catalog()), name)
                self._store.remove(name)
            if self._store.has(name) or name in load_table(self._catalog()).metadata.refs:
                raise ReleaseNameTaken(name)
            yield build

    @contextmanager
    def _source(self, recipe: Recipe, snapshot: Snapshot, build: Build) -> Iterator[ReleaseSource]:
        """Yield the rows of a release; a stage is computed first if it isn't up to date."""
        if recipe.stage == "raw":
            with raw_source(load_table(self._catalog()), snapshot, self._hidden()) as source:
                yield source
            return
        stages = self._stages()
        build.step("stage", stages.total_rows(recipe.stage, snapshot))
        built = stages.build(recipe.stage, snapshot, build.advance)
        with stage_source(self._catalog(), snapshot, recipe.stage, built) as source:
            yield source

    def _publish(
        self,
        build: Build,
        folder: Path,
        source: ReleaseSource,
        manifest: Manifest,
        watch: HiddenWatch,
    ) -> None:
        build.begin_publishing(manifest.sequence_number)
        tagged: list[Table] = []
        try:
            for table, snapshot_id in source.tables:
                tag_snapshot(table, build.name, snapshot_id)
                tagged.append(table)
            # A takedown that was recorded before finds nothing of it published, and one that is
            # recorded later finds the release.
            with self._takedown.changing():
                watch.check_result(partial(_held, manifest, folder))
                # Checked last: another build may have taken over while this one was suspended.
                build.save()
                self._store.publish(folder, build.name)
                self._takedown.hold_back_one(build.name, watch.newly_taken_down())
        except ReleaseOvertaken:
            raise
        except BaseException as error:
            remove_release_tag(tagged, build.name)
            if isinstance(error, TagTaken):
                raise ReleaseNameTaken(build.name) from error
            raise
        build.mark_published(manifest.rows, manifest.sequence_number)


def _held(manifest: Manifest, folder: Path, ids: pa.Array) -> pa.Array:
    """Return those of some contributions, ascending, that a release in a folder holds."""
    files = published_files(manifest, LocalFileSystem(), str(folder))
    return find_taken_rows(manifest, files, ids).ids
