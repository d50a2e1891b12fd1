"""Taking contributions out of published releases."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

import pyarrow as pa
from pyiceberg.catalog import Catalog

from app.access.visibility.held_back import HeldBackResults
from app.releases.descriptions.datasheet import Datasheet
from app.releases.errors import ReleaseNotFound
from app.releases.files.published_rows import published_files
from app.releases.manifest import Manifest
from app.releases.publications import HubPublications
from app.releases.registry import Registry
from app.releases.source import stage_contributions
from app.releases.stores.interface import ReleaseStore, is_published
from app.releases.takedowns.revision import ContributionsOf, write_revision
from app.releases.takedowns.taken_rows import TakenRows, find_taken_rows
from app.state.db import Database
from app.state.locks import holding
from catalog.stages.tables import COMPUTED_STAGES

_LOCK: Final = "releases"
_KIND: Final = "release"

log = logging.getLogger(__name__)


class ReleaseTakedown:
    """Holds releases back, and makes new revisions of them."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        registry: Registry,
        store: ReleaseStore,
        held_back: HeldBackResults,
        publications: HubPublications,
        datasheet: Datasheet,
    ) -> None:
        """Prepare without connecting to anything.

        Args:
            database: Has the lock of those who change what is published.
            catalog: Returns the catalog with the tables.
            registry: Knows which releases were begun and not published.
            store: Keeps the published releases.
            held_back: The list of what is held back.
            publications: Where releases are published on the Hub.
            datasheet: What the operator answers to the questions of a datasheet.
        """
        self._database = database
        self._catalog = catalog
        self._registry = registry
        self._store = store
        self._held_back = held_back
        self._publications = publications
        self._datasheet = datasheet

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Wait until nobody else publishes, revises or removes releases, on whatever node."""
        with holding(self._database.lock(_LOCK)):
            yield

    def hold_back(self, ids: pa.Array) -> None:
        """Hold back the releases that hold some contributions.

        Args:
            ids: The contribution_ids, ascending.
        """
        for manifest in self._store.all():
            # It may be removed meanwhile.
            with suppress(ReleaseNotFound):
                self._hold_back(manifest, ids)

    def hold_back_one(self, name: str, ids: pa.Array) -> None:
        """Hold back a release if it holds some contributions."""
        self._hold_back(self._store.find(name), ids)

    def take_down(self, ids: pa.Array) -> None:
        """Make new revisions without some contributions, and remove all that holds them.

        It may be repeated after it was interrupted at any point. A release is given out again when
        everything of its earlier revisions is gone.

        Args:
            ids: The contribution_ids, ascending.

        Raises:
            SnapshotNotFound: A release's stage isn't there any more, so that nobody can tell whom
                to credit. The release stays held back.
            BucketUnreachable: The bucket doesn't answer.
        """
        with self.changing():
            self.hold_back(ids)
            for name, held in self._held_back.held_for(_KIND, ids).items():
                if is_published(self._store, name):
                    self._revise(name, ids)
                self._held_back.end(_KIND, name, held)
            self._store.remove_unpublished(self._registry.names_of("failed", "removed"))
            self._store.folder.remove_unfinished()

    def _hold_back(self, manifest: Manifest, ids: pa.Array) -> None:
        held = self._held(manifest, ids) if len(ids) else ids
        if len(held):
            log.info("release %s is held back for %d contributions", manifest.name, len(held))
            self._held_back.add(_KIND, manifest.name, held)

    def _held(self, manifest: Manifest, ids: pa.Array) -> pa.Array:
        """Return the contributions for which a release is to be held back."""
        while True:
            try:
                return self._taken(manifest, ids).ids
            except OSError:
                # An earlier takedown has published a new revision, and removes the files of this.
                newest = self._store.find(manifest.name)
                if newest.revision == manifest.revision:
                    raise
                manifest = newest

    def _revise(self, name: str, ids: pa.Array) -> None:
        manifest = self._store.find(name)
        taken = self._taken(manifest, ids)
        # An earlier attempt may have come this far.
        if len(taken.ids):
            with self._store.folder.revising() as folder:
                revised = write_revision(
                    folder,
                    manifest,
                    published_files(manifest, *self._store.filesystem(name)),
                    taken,
                    self._contributions_of(manifest),
                    self._datasheet,
                )
                self._store.revise(folder, name)
            log.info(
                "release %s has revision %d, without %d rows",
                *(name, revised.revision, taken.rows),
            )
        self._store.remove_unlisted(name)
        self._publications.require(name, self._store.find(name).revision)

    def _taken(self, manifest: Manifest, ids: pa.Array) -> TakenRows:
        files = published_files(manifest, *self._store.filesystem(manifest.name))
        return find_taken_rows(manifest, files, ids)

    def _contributions_of(self, manifest: Manifest) -> ContributionsOf:
        if manifest.stage == "raw":
            return lambda _: ()
        table = COMPUTED_STAGES[manifest.stage].rows
        snapshot_id = int(manifest.stage_snapshots[table])
        return partial(stage_contributions, self._catalog(), manifest.stage, snapshot_id)
