"""The releases of a lake: built, found, compared and removed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.catalog import Catalog

from app.access.hidden_watch import HiddenWatch
from app.access.visibility.held_back import HeldBackResults
from app.releases.build import ReleaseBuilder
from app.releases.descriptions.datasheet import NO_DATASHEET, Datasheet
from app.releases.diff import ReleaseDiff, compare_releases
from app.releases.errors import ReleaseNameTaken, ReleaseNotFound, ReleaseOnTheHub
from app.releases.files.contents import Contents, read_contents
from app.releases.files.data_files import FILE_BYTES
from app.releases.manifest import Manifest, newest_first
from app.releases.preview import Preview, preview
from app.releases.publications import HubPublications
from app.releases.recipe import RELEASE_NAMES, Recipe
from app.releases.registry import Registry
from app.releases.source import remove_release_tag, tables_of_releases
from app.releases.status import ProgressReporter, Status
from app.releases.stores.interface import Download, Method, ReleaseStore, is_published
from app.releases.takedowns.takedown import ReleaseTakedown
from app.state.db import Database
from app.state.scratch import ScratchDatabase
from catalog.snapshots import Snapshot

if TYPE_CHECKING:
    from app.curation.pipeline.stages import Stages


class Releases:
    """The releases of a lake.

    Attributes:
        registry: Keeps the status of each release.
        store: Keeps the published releases.
        publications: Where releases are published on the Hub.
    """

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        store: ReleaseStore,
        stages: "Callable[[], Stages]",
        hidden: Callable[[], pa.Array],
        watch: Callable[[str], HiddenWatch],
        scratch: ScratchDatabase,
        datasheet: Datasheet = NO_DATASHEET,
    ) -> None:
        """Prepare without connecting to anything.

        Args:
            database: Keeps the status of each release.
            catalog: Returns the catalog with the tables.
            store: Keeps the published releases.
            stages: Returns what computes stages.
            hidden: Returns the ids of the contributions that are hidden from readers, ascending.
            watch: Begins to watch what is hidden, for a release of a name.
            scratch: Opens the scratch databases that compare releases.
            datasheet: What the operator answers to the questions of a datasheet.
        """
        self.registry = Registry(database)
        self.store = store
        self._catalog = catalog
        self._held_back = HeldBackResults(database)
        self._scratch = scratch
        self.publications = HubPublications(database)
        self._takedown = ReleaseTakedown(
            database, catalog, self.registry, store, self._held_back, self.publications, datasheet
        )
        self._builder = ReleaseBuilder(
            self.registry,
            self.store,
            catalog,
            stages,
            hidden,
            watch,
            self._takedown,
            datasheet,
        )

    def build(
        self,
        recipe: Recipe,
        snapshot: Snapshot,
        reporter: ProgressReporter | None = None,
        file_bytes: int = FILE_BYTES,
    ) -> Manifest:
        """Build and publish a release, as `ReleaseBuilder.build` does."""
        return self._builder.build(recipe, snapshot, reporter, file_bytes)

    def all(self) -> list[Manifest]:
        """Return the manifests of all releases, by name."""
        return self.store.all()

    def newest_first(self) -> list[Manifest]:
        """Return the manifests of the releases that are given out, of the newest snapshot first."""
        held_back = self.held_back()
        return newest_first(each for each in self.all() if each.name not in held_back)

    def held_back(self) -> frozenset[str]:
        """Return the names of the releases that nobody gets at present."""
        return self._held_back.names("release")

    def find(self, name: str) -> Manifest:
        """Return the manifest of a release.

        Raises:
            ReleaseNotFound: No release has this name.
            HeldBack: Something is being taken out of the release.
        """
        manifest = self.store.find(name)
        self._held_back.check("release", name)
        return manifest

    def file(self, name: str, path: str, method: Method = "GET") -> Download:
        """Return a file of a release, or a link to it.

        Raises:
            ReleaseNotFound: No release has this name, or it has no such file.
            FileWithdrawn: The file is one of an earlier revision.
            HeldBack: Something is being taken out of the release.
        """
        found = self.store.file(name, path, method)
        self._held_back.check("release", name)
        return found

    def text(self, name: str, path: str) -> str:
        """Return a file that describes a release, such as its card.

        Args:
            name: Name of the release.
            path: Path of the file, which every release has.

        Raises:
            ReleaseNotFound: No release has this name.
            HeldBack: Something is being taken out of the release.
            OSError: The file can't be read.
        """
        self.find(name)
        filesystem, folder = self.store.filesystem(name)
        with filesystem.open_input_file(f"{folder}/{path}") as file:
            content: bytes = file.read()
        return content.decode()

    def contents(self, name: str) -> Contents:
        """Return all files of a release, as `read_contents` does.

        Raises:
            ReleaseNotFound: No release has this name.
            HeldBack: Something is being taken out of the release.
            OSError: The files can't be read.
        """
        return read_contents(self.find(name), *self.store.filesystem(name))

    def preview(self, name: str, rows: int) -> Preview:
        """Return the first rows of a release, and what is known of its columns.

        Args:
            name: Name of the release.
            rows: Number of rows.

        Raises:
            ReleaseNotFound: No release has this name.
            HeldBack: Something is being taken out of the release.
            OSError: The files can't be read.
        """
        return preview(self.find(name), *self.store.filesystem(name), rows)

    def location(self, name: str) -> str:
        """Return the path or the URL of a release, to be read by a person."""
        return self.store.location(name)

    def status(self, name: str) -> Status:
        """Return the status of a release.

        Raises:
            ReleaseNotFound: No release ever had this name.
        """
        known = self.registry.find(name)
        if known is not None and not (known.died_publishing and is_published(self.store, name)):
            return known
        manifest = self.store.find(name)
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
        """Compare two releases of the same stage.

        Args:
            name: Name of the release to compare from.
            other: Name of the release to compare with.
            limit: Maximum number of changes that are returned; all are counted.

        Raises:
            ReleaseNotFound: One of the releases doesn't exist.
            HeldBack: Something is being taken out of one of the releases.
            StagesDiffer: The releases are of different stages.
            FormsDiffer: The releases have different forms.
        """
        before, after = self.find(name), self.find(other)
        return compare_releases(self._scratch, self.store.filesystem, before, after, limit)

    def remove(self, name: str) -> None:
        """Remove the files and the tags of a release; its name stays taken for ever.

        It may be called again after it was interrupted, and removes what a killed build left.

        Raises:
            NameInvalid: No release can have this name.
            ReleaseNameTaken: The release is being built.
            ReleaseNotFound: There is nothing to remove.
            ReleaseOnTheHub: The release is published on the Hub.
        """
        RELEASE_NAMES.check(name)
        known = self.registry.find(name)
        if known is not None and known.state == "building":
            raise ReleaseNameTaken(name)
        has_left_nothing = known is None or (known.state == "failed" and not known.died_publishing)
        if has_left_nothing and not is_published(self.store, name):
            raise ReleaseNotFound(name)
        with self.changing():
            repositories = [each.repository for each in self.publications.of_release(name)]
            if repositories:
                raise ReleaseOnTheHub(name, repositories)
            self.registry.mark_removed(name, known.stage if known else self.store.find(name).stage)
            self.store.remove(name)
            remove_release_tag(tables_of_releases(self._catalog()), name)

    def changing(self) -> AbstractContextManager[None]:
        """Wait until nobody else publishes, revises or removes releases, and keep others from it.

        It holds within a `with` block.
        """
        return self._takedown.changing()

    def hold_back(self, ids: pa.Array) -> None:
        """Hold back the releases that hold some contributions: `ReleaseTakedown.hold_back`."""
        self._takedown.hold_back(ids)

    def take_down(self, ids: pa.Array) -> None:
        """Take contributions out of all releases, as `ReleaseTakedown.take_down` does."""
        self._takedown.take_down(ids)
