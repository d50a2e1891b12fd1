"""What an audience may see of a table by its metadata: which snapshots, and which rows are hidden.

A snapshot of the raw table is public when it has the age of the embargo; one of a stage when the
snapshot that it was computed from is public; one of `replaced` when all of its rows are of commits
of public snapshots. While anything is hidden, only the newest snapshot and
those with tags are given out: for each one, positions of its hidden rows have to be found.
"""

import hashlib
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final, NamedTuple

from cachetools import LRUCache
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

from app.access.visibility.audience import Audience
from app.access.visibility.embargo import Embargo
from app.access.visibility.hidden import HiddenContributions, HiddenIds
from app.state import ledger
from app.state.db import Database
from catalog.connection import LockingCatalog
from catalog.metadata.files import read_metadata, table_at
from catalog.publishing.hidden_rows import HiddenRowFinder
from catalog.publishing.tables import (
    PublishedTable,
    find_published,
    publish,
    referenced_snapshots,
    shown_metadata,
)
from catalog.replaced import REPLACED_NAME, until_of
from catalog.schema import TABLE_NAME
from catalog.stages.tables import SOURCE_SNAPSHOT_PROPERTY

_REMEMBERED_TABLES: Final = 16


class Publication(NamedTuple):
    """A part of a table at one state of the table and of what is hidden.

    Attributes:
        location: URL of the table's metadata file.
        hidden: The number and the length of the list of hidden rows.
        shown: The ids of the snapshots; None for all of them.
    """

    location: str
    hidden: tuple[int, int]
    shown: tuple[int, ...] | None

    @property
    def is_whole(self) -> bool:
        """Whether it is the table as it is."""
        return self.shown is None and not self.hidden[1]

    @property
    def name(self) -> str:
        """A name that no other part, and no other state, has."""
        return hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:32]


class Publications:
    """Tells what audiences may see of tables, and writes what engines need to see no more."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], LockingCatalog],
        hidden: HiddenContributions,
        embargo: Embargo,
    ) -> None:
        """Publish tables.

        Args:
            database: The database with the ledger.
            catalog: Returns the catalog, and opens it if need be.
            hidden: Knows which contributions are hidden.
            embargo: Knows which snapshots are public.
        """
        self._database = database
        self._catalog = catalog
        self._hidden = hidden
        self._embargo = embargo
        self._finder = HiddenRowFinder()
        self._parsed: LRUCache[str, TableMetadata] = LRUCache(_REMEMBERED_TABLES)
        self._lock = Lock()

    def of(self, location: str, table_name: str, audience: Audience) -> Publication:
        """Return what an audience may see of a table now.

        Args:
            location: URL of the table's newest metadata file.
            table_name: The table's name.
            audience: Whom it is for.
        """
        hidden = self._hidden.listed(audience.hidden_for)
        shown = None if audience.sees_young else self._public(location, table_name)
        return Publication(location, (hidden.number, len(hidden.ids)), shown)

    def write(
        self, publication: Publication, table_name: str, audience: Audience
    ) -> PublishedTable:
        """Return the metadata for engines; what it refers to is written unless it is there.

        Args:
            publication: What `of` returned for the table and the audience.
            table_name: Name of the table.
            audience: Whom it is read for.

        Raises:
            OSError: A file can't be read or written.
        """
        metadata = self._metadata(publication.location)
        if publication.is_whole:
            return PublishedTable(publication.location, metadata)
        table = table_at(self._catalog(), table_name, publication.location, metadata)
        known = find_published(table, publication.name)
        if known is not None:
            return known
        return self._write(table, publication, self._hidden.listed(audience.hidden_for))

    def _write(self, table: Table, publication: Publication, hidden: HiddenIds) -> PublishedTable:
        metadata = table.metadata
        metadata = shown_metadata(metadata, _chosen(metadata, publication.shown))
        if not len(hidden.ids):
            return publish(table, publication.name, metadata, ())
        metadata = shown_metadata(metadata, referenced_snapshots(metadata))
        rows = self._finder.find(table, metadata.snapshots, hidden.ids)
        return publish(table, publication.name, metadata, rows)

    def _public(self, location: str, table_name: str) -> tuple[int, ...] | None:
        """Return the ids of a table's public snapshots; None if all are public."""
        if not self._embargo.age:
            return None
        snapshots = self._metadata(location).snapshots
        with self._database.read() as connection:
            young = self._embargo.first_young(connection)
            if table_name == REPLACED_NAME:
                return _before(snapshots, young)
            source_of = _own if table_name == TABLE_NAME else _source
            sources = {each.snapshot_id: source_of(each) for each in snapshots}
            # The newest one may not be in the ledger yet, and is young then.
            public = ledger.existing(connection, sources.values(), before=young)
        shown = tuple(own for own, source in sources.items() if source in public)
        return None if len(shown) == len(snapshots) else shown

    def _metadata(self, location: str) -> TableMetadata:
        with self._lock:
            known = self._parsed.get(location)
        if known is None:
            known = read_metadata(self._catalog(), location)
            with self._lock:
                self._parsed[location] = known
        return known


def _chosen(metadata: TableMetadata, ids: Sequence[int] | None) -> list[Snapshot]:
    """Return some snapshots of a table; None for all of them."""
    return [
        snapshot for snapshot in metadata.snapshots if ids is None or snapshot.snapshot_id in ids
    ]


def _before(snapshots: Sequence[Snapshot], young: int | None) -> tuple[int, ...] | None:
    """Return the ids of the snapshots of `replaced` before a commit; None for all of them."""
    shown = tuple(each.snapshot_id for each in snapshots if young is None or until_of(each) < young)
    return None if len(shown) == len(snapshots) else shown


def _own(snapshot: Snapshot) -> int | None:
    return snapshot.snapshot_id


def _source(snapshot: Snapshot) -> int | None:
    """Return the raw table's snapshot that a stage's was computed from; None if it doesn't say."""
    properties = snapshot.summary.additional_properties if snapshot.summary else {}
    source = properties.get(SOURCE_SNAPSHOT_PROPERTY)
    return int(source) if source else None
