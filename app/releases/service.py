"""The releases of a lake: built, found, compared, and removed again."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from app.curation.suppressions import Suppressions
from app.query.scratch import ScratchDatabase
from app.query.snapshots import SnapshotView
from app.releases.build import write_release
from app.releases.data_files import FILE_BYTES
from app.releases.diff import ReleaseDiff, compare_releases
from app.releases.errors import ReleaseNameTaken, ReleaseNotFound, ReleaseOvertaken
from app.releases.manifest import Manifest
from app.releases.recipe import Recipe, check_name
from app.releases.registry import Build, Nobody, Observer, Registry, Status
from app.releases.source import ReleaseSource, raw_source, stage_source, stage_tables
from app.releases.store import Download, FolderStore, Method, ReleaseStore
from app.settings import Settings
from app.state.db import Database
from app.state.published_folder import PublishedFolder
from catalog.errors import TagNotFound, TagTaken
from catalog.snapshots import Snapshot, remove_tag, tag_snapshot
from catalog.table import load_table

if TYPE_CHECKING:
    from app.curation.pipeline.stages import Stages


class Releases:
    """What is released of a lake."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        settings: Settings,
        stages: "Callable[[], Stages]",
        suppressions: Suppressions,
        scratch: ScratchDatabase,
    ) -> None:
        """Prepare to release; nothing is connected to before it is needed.

        Args:
            database: Keeps what became of each release.
            catalog: Returns the catalog with the tables.
            settings: Where releases are published.
            stages: Returns what computes stages.
            suppressions: Knows which contributions are suppressed.
            scratch: Compares releases.
        """
        self.registry = Registry(database)
        self._catalog = catalog
        self._stages = stages
        self._suppressions = suppressions
        self._scratch = scratch
        self._folder = PublishedFolder(settings.releases)
        self._store = _store(settings, self._folder)

    def build(
        self,
        recipe: Recipe,
        snapshot: Snapshot,
        observer: Observer | None = None,
        file_bytes: int = FILE_BYTES,
    ) -> Manifest:
        """Publish a release of a snapshot, and tag what it was made of.

        The folder is made under another name, and is published when it is whole; whatever fails
        before leaves nothing. The tags are set before that: they settle which of two builds gets
        the name, whatever became of the database.

        Args:
            recipe: What it is asked to be.
            snapshot: The snapshot of the contributions.
            observer: Is told how it gets on.
            file_bytes: The size at which a data file is full.

        Raises:
            ReleaseNameInvalid: The name can't be used.
            ReleaseNameTaken: It was used before.
            FilterNeedsStage: A raw release is to be filtered.
            SnapshotNotLive: The snapshot was thinned.
            BucketUnreachable: The release can't be uploaded.
        """
        recipe.check()
        self._check_unpublished(recipe.name)
        with self._registry_entry(recipe, observer or Nobody()) as build:
            build.step("wait", None)
            with (
                self._folder.building() as folder,
                self._source(recipe, snapshot, build) as source,
            ):
                build.step("rows", source.total)
                manifest = write_release(
                    folder, recipe, snapshot, source, build.advance, file_bytes
                )
                self._publish(build, folder, source, manifest)
        return manifest

    def all(self) -> list[Manifest]:
        """Return the manifests of all releases, by name."""
        return self._store.all()

    def find(self, name: str) -> Manifest:
        """Return the manifest of a release.

        Raises:
            ReleaseNotFound: There is none by this name.
        """
        return self._store.find(name)

    def file(self, name: str, path: str, method: Method = "GET") -> Download:
        """Return a file of a release, or where to get it.

        Raises:
            ReleaseNotFound: There is no such release, or it has no such file.
        """
        return self._store.file(name, path, method)

    def where(self, name: str) -> str:
        """Return the path or the URL of a release, for a person."""
        return self._store.where(name)

    def status(self, name: str) -> Status:
        """Return what became of a release.

        Raises:
            ReleaseNotFound: Nothing was ever called so.
        """
        known = self.registry.find(name)
        if known is not None and not (_died_publishing(known) and self._is_whole(name)):
            return known
        manifest = self._store.find(name)
        return Status(
            name=name,
            stage=manifest.stage,
            state="published",
            step="done",
            rows_done=manifest.rows,
            rows_total=manifest.rows,
            sequence_number=manifest.sequence_number,
        )

    def diff(self, name: str, other: str, limit: int) -> ReleaseDiff:
        """Return what became of the contributions from one release to another.

        Raises:
            ReleaseNotFound: One of them doesn't exist.
            StagesDiffer: They are of different stages.
        """
        before, after = self._store.find(name), self._store.find(other)
        return compare_releases(self._scratch, self._store.files, before, after, limit)

    def remove(self, name: str) -> None:
        """Take a release away for good: its files and its tags. The name is never given out again.

        It may be called again when it was cut off, and for what a killed build left behind.

        Raises:
            ReleaseNameInvalid: Nothing can be called so.
            ReleaseNameTaken: It is being built right now.
            ReleaseNotFound: There is nothing to take away.
        """
        check_name(name)
        known = self.registry.find(name)
        if known is not None and known.state == "building":
            raise ReleaseNameTaken(name)
        is_nowhere = known is None or (known.state == "failed" and not _died_publishing(known))
        if is_nowhere and not self._is_whole(name):
            raise ReleaseNotFound(name)
        self.registry.removed(name, known.stage if known else self._store.find(name).stage)
        self._store.remove(name)
        self._untag(name, [load_table(self._catalog()), *stage_tables(self._catalog())])

    def _check_unpublished(self, name: str) -> None:
        """Raise ReleaseNameTaken if a release is there whose record doesn't say so.

        It is older than the records, or its build was killed when it had just published it. The
        latter is written down now: whoever waits for the release would begin it again for ever.
        """
        known = self.registry.find(name)
        if (known is None or known.state == "failed") and self._is_whole(name):
            manifest = self._store.find(name)
            self.registry.found_published(name, manifest.rows, manifest.sequence_number)
            raise ReleaseNameTaken(name)

    @contextmanager
    def _registry_entry(self, recipe: Recipe, observer: Observer) -> Iterator[Build]:
        """Take the name, and clear away what a build of it left that died at publishing."""
        with self.registry.building(recipe, observer) as (build, died_publishing):
            table = load_table(self._catalog())
            if died_publishing and not self._is_whole(recipe.name):
                self._untag(recipe.name, [table, *stage_tables(self._catalog())])
                self._store.remove(recipe.name)
            if self._store.has(recipe.name) or recipe.name in table.metadata.refs:
                raise ReleaseNameTaken(recipe.name)
            yield build

    def _is_whole(self, name: str) -> bool:
        try:
            self._store.find(name)
        except ReleaseNotFound:
            return False
        return True

    @contextmanager
    def _source(self, recipe: Recipe, snapshot: Snapshot, build: Build) -> Iterator[ReleaseSource]:
        table = load_table(self._catalog())
        with ExitStack() as stack:
            if recipe.stage == "raw":
                suppressed = self._suppressions.suppressed_in(SnapshotView(table, snapshot))
                yield stack.enter_context(raw_source(table, snapshot, suppressed))
                return
            stages = self._stages()
            build.step("stage", stages.total_rows(recipe.stage, snapshot))
            built = stages.build(recipe.stage, snapshot, build.advance)
            yield stack.enter_context(
                stage_source(self._catalog(), table, snapshot, recipe.stage, built)
            )

    def _publish(
        self, build: Build, folder: Path, source: ReleaseSource, manifest: Manifest
    ) -> None:
        build.step("publish", None)
        tagged: list[Table] = []
        try:
            for table, snapshot_id in source.tables:
                tag_snapshot(table, build.name, snapshot_id)
                tagged.append(table)
            # Last of all, another may have taken over from a build that was stopped for long.
            build.save()
            self._store.publish(folder, build.name)
        except ReleaseOvertaken:
            raise
        except BaseException as error:
            self._untag(build.name, tagged)
            if isinstance(error, TagTaken):
                raise ReleaseNameTaken(build.name) from error
            raise
        build.published(manifest.rows, manifest.sequence_number)

    @staticmethod
    def _untag(name: str, tables: list[Table]) -> None:
        for table in tables:
            try:
                remove_tag(table, name)
            except TagNotFound:
                continue


def _store(settings: Settings, folder: PublishedFolder) -> ReleaseStore:
    if not settings.releases_bucket:
        return FolderStore(folder)
    # boto3 takes long to import, and nothing but a bucket needs it.
    from app.releases.bucket import BucketStore  # noqa: PLC0415

    return BucketStore(settings.releases_bucket, settings)


def _died_publishing(known: Status) -> bool:
    """Tell whether a build ended when its tags may have been set, and its files published."""
    return known.state == "failed" and known.step in {"publish", "done"}
