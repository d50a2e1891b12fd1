"""The lake's one namespace and its tables, for the responses of the Iceberg REST specification.

https://github.com/apache/iceberg/blob/main/open-api/rest-catalog-open-api.yaml
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, get_args

from pyiceberg.catalog.sql import SqlCatalog

from app.access.visibility.audience import PUBLIC, Audience
from app.iceberg.errors import NoSuchNamespace, NoSuchTable, NoSuchWarehouse
from app.iceberg.publication import Publication, Publications
from app.iceberg.responses import (
    ConfigResponse,
    GetNamespaceResponse,
    ListNamespacesResponse,
    ListTablesResponse,
    LoadTableResult,
    TableIdentifier,
)
from catalog.connection import CATALOG_NAME
from catalog.metadata.files import newest_location
from catalog.publishing.tables import referenced_snapshots
from catalog.replaced import REPLACED_IDENTIFIER
from catalog.schema import NAMESPACE, TABLE_IDENTIFIER
from catalog.stages.tables import COMPUTED_STAGES, Stage

SnapshotMode = Literal["all", "refs"]
"""The live snapshots in a table's metadata: all, or only those that a branch or a tag names."""
SNAPSHOT_MODES: Final = get_args(SnapshotMode)

_IDENTIFIERS: Final[Mapping[Stage, tuple[str, ...]]] = {
    "raw": (TABLE_IDENTIFIER, REPLACED_IDENTIFIER),
    **{stage: (tables.rows, tables.dropped) for stage, tables in COMPUTED_STAGES.items()},
}
STAGES_BY_TABLE: Final[Mapping[str, Stage]] = {
    identifier.removeprefix(f"{NAMESPACE}."): stage
    for stage, identifiers in _IDENTIFIERS.items()
    for identifier in identifiers
}
"""The stage of each table, by the table's name: a computed stage has its rows and its dropped rows,
and `raw` has what was replaced beside its rows."""
TABLES: Final = tuple(STAGES_BY_TABLE)
"""The names of the tables."""

_ENDPOINTS: Final = (
    "GET /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "HEAD /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
)
_AUDIENCES: Final = 3
"""Number of audiences that may load a table."""
_OVERRIDES: Final = {"rest-metrics-reporting-enabled": "false"}


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """The response to a client that loads a table.

    Attributes:
        json: The response's body, a `LoadTableResult`.
        digest: The SHA-256 of `json` in hexadecimal.
    """

    json: str
    digest: str


class PublishedCatalog:
    """The part of the Iceberg catalog that is public: the lake's tables and nothing else."""

    def __init__(
        self,
        catalog: Callable[[], SqlCatalog],
        publications: Publications,
        file_access: Mapping[str, str],
    ) -> None:
        """Publish a catalog.

        Args:
            catalog: Returns the catalog, and opens it if need be.
            publications: Tells what audiences may see of a table.
            file_access: The properties with which engines open the tables' files.
        """
        self._catalog = catalog
        self._publications = publications
        self._file_access = dict(file_access)
        # A response is the same until the next commit, or until something is hidden or public.
        self._loaded = lru_cache(maxsize=len(SNAPSHOT_MODES) * len(TABLES) * _AUDIENCES)(self._read)

    def config(self, warehouse: str | None) -> ConfigResponse:
        """Return how to use this catalog.

        Raises:
            NoSuchWarehouse: The client asks for a warehouse of another name.
        """
        if warehouse and warehouse != CATALOG_NAME:
            raise NoSuchWarehouse(warehouse)
        return ConfigResponse(defaults={}, overrides=_OVERRIDES, endpoints=_ENDPOINTS)

    def namespaces(self, parent: str | None) -> ListNamespacesResponse:
        """Return the namespaces at the top, or in a parent.

        Raises:
            NoSuchNamespace: The parent doesn't exist.
        """
        if not parent:
            return ListNamespacesResponse(namespaces=[(NAMESPACE,)])
        self.namespace(parent)
        return ListNamespacesResponse(namespaces=[])

    def namespace(self, namespace: str) -> GetNamespaceResponse:
        """Return a namespace and its properties.

        Raises:
            NoSuchNamespace: The namespace doesn't exist.
        """
        if namespace != NAMESPACE:
            raise NoSuchNamespace(namespace)
        return GetNamespaceResponse(namespace=(NAMESPACE,))

    def tables(self, namespace: str) -> ListTablesResponse:
        """Return the tables of a namespace.

        Raises:
            NoSuchNamespace: The namespace doesn't exist.
        """
        self.namespace(namespace)
        entries = [TableIdentifier(name=name, namespace=(NAMESPACE,)) for name in TABLES]
        return ListTablesResponse(identifiers=entries)

    def check_table(self, namespace: str, table: str) -> None:
        """Check that a table exists.

        Raises:
            NoSuchTable: The table or its namespace doesn't exist. It isn't NoSuchNamespace, since
                Spark looks for the metadata table `contributions.files` in a namespace
                `chatlake.contributions` first, and only goes on to the table itself by this error.
        """
        if namespace != NAMESPACE or table not in TABLES:
            raise NoSuchTable(f"{namespace}.{table}")

    def load_table(
        self, namespace: str, table: str, snapshots: SnapshotMode, audience: Audience = PUBLIC
    ) -> LoadedTable:
        """Return a table as an audience may see it now.

        Args:
            namespace: The namespace that the client names.
            table: The table that it names.
            snapshots: Which snapshots the client asks for: all, or those with a tag or branch.
            audience: Whom it is read for.

        Raises:
            NoSuchTable: The catalog has no such table.
            TableNotFound: The migrations that make the table have not been run.
        """
        self.check_table(namespace, table)
        location = newest_location(self._catalog(), table)
        publication = self._publications.of(location, table, audience)
        return self._loaded(publication, table, audience, snapshots)

    def _read(
        self, publication: Publication, table: str, audience: Audience, snapshots: SnapshotMode
    ) -> LoadedTable:
        published = self._publications.write(publication, table, audience)
        metadata = published.metadata
        if snapshots == "refs":
            referenced = referenced_snapshots(metadata)
            metadata = metadata.model_copy(update={"snapshots": referenced})
        result = {
            "metadata-location": published.location,
            "metadata": metadata,
            # Keys belong here rather than in `storage-credentials`, where older clients don't look.
            "config": self._file_access,
        }
        json = LoadTableResult.model_validate(result).model_dump_json()
        return LoadedTable(json, hashlib.sha256(json.encode()).hexdigest())
