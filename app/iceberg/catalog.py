"""The lake's one namespace and its tables, as the Iceberg REST specification describes them.

https://github.com/apache/iceberg/blob/main/open-api/rest-catalog-open-api.yaml
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, get_args

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table.metadata import TableMetadata

from app.iceberg.errors import NoSuchNamespace, NoSuchTable, NoSuchWarehouse
from app.iceberg.responses import (
    ConfigResponse,
    GetNamespaceResponse,
    ListNamespacesResponse,
    ListTablesResponse,
    LoadTableResult,
    TableIdentifier,
)
from catalog.connection import CATALOG_NAME
from catalog.metadata import newest_location, read_metadata
from catalog.schema import NAMESPACE, TABLE_IDENTIFIER
from catalog.stages import COMPUTED_STAGES

SnapshotMode = Literal["all", "refs"]
"""Which live snapshots a table is loaded with: all, or those that a branch or a tag names."""
SNAPSHOT_MODES: Final = get_args(SnapshotMode)

TABLES: Final = tuple(
    identifier.removeprefix(f"{NAMESPACE}.")
    for identifier in (
        TABLE_IDENTIFIER,
        *(table for stage in COMPUTED_STAGES.values() for table in (stage.rows, stage.dropped)),
    )
)
"""The names of the tables: the raw one, and for each stage its rows and what it left out."""

_ENDPOINTS: Final = (
    "GET /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "HEAD /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
)
_OVERRIDES: Final = {"rest-metrics-reporting-enabled": "false"}


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """A table as one of its metadata files describes it.

    Attributes:
        json: The answer to a client that loads it.
        digest: Of the answer: another one is another answer.
    """

    json: str
    digest: str


class PublishedCatalog:
    """What anyone may know of the Iceberg catalog: the lake's tables, whatever else it holds."""

    def __init__(self, catalog: Callable[[], SqlCatalog], file_access: Mapping[str, str]) -> None:
        """Publish a catalog, which is opened when it is first asked.

        Args:
            catalog: Returns the catalog.
            file_access: What engines are told of how to reach the tables' files.
        """
        self._catalog = catalog
        self._file_access = dict(file_access)
        # Between two commits every engine is given the same answer.
        self._loaded = lru_cache(maxsize=len(SNAPSHOT_MODES) * len(TABLES))(self._read)

    def config(self, warehouse: str | None) -> ConfigResponse:
        """Return how to use this catalog.

        Raises:
            NoSuchWarehouse: The client wants another one.
        """
        if warehouse and warehouse != CATALOG_NAME:
            raise NoSuchWarehouse(warehouse)
        return ConfigResponse(defaults={}, overrides=_OVERRIDES, endpoints=_ENDPOINTS)

    def namespaces(self, parent: str | None) -> ListNamespacesResponse:
        """Return the namespaces at the top, or those in another one.

        Raises:
            NoSuchNamespace: The other one doesn't exist.
        """
        if not parent:
            return ListNamespacesResponse(namespaces=[(NAMESPACE,)])
        self.namespace(parent)
        return ListNamespacesResponse(namespaces=[])

    def namespace(self, namespace: str) -> GetNamespaceResponse:
        """Return what there is to say of a namespace.

        Raises:
            NoSuchNamespace: It doesn't exist.
        """
        if namespace != NAMESPACE:
            raise NoSuchNamespace(namespace)
        return GetNamespaceResponse(namespace=(NAMESPACE,))

    def tables(self, namespace: str) -> ListTablesResponse:
        """Return the tables of a namespace.

        Raises:
            NoSuchNamespace: It doesn't exist.
        """
        self.namespace(namespace)
        entries = [TableIdentifier(name=name, namespace=(NAMESPACE,)) for name in TABLES]
        return ListTablesResponse(identifiers=entries)

    def check_table(self, namespace: str, table: str) -> None:
        """Return if a table exists.

        Raises:
            NoSuchTable: It doesn't exist. Nor may its namespace: Spark asks for the metadata table
                `contributions.files` as one in the namespace `chatlake.contributions`, and only
                this error makes it look for the table itself.
        """
        if namespace != NAMESPACE or table not in TABLES:
            raise NoSuchTable(f"{namespace}.{table}")

    def load_table(self, namespace: str, table: str, snapshots: SnapshotMode) -> LoadedTable:
        """Return a table as it is now.

        Raises:
            NoSuchTable: It doesn't exist.
            TableNotFound: The migrations have not made it.
        """
        self.check_table(namespace, table)
        return self._loaded(newest_location(self._catalog(), table), snapshots)

    def _read(self, location: str, snapshots: SnapshotMode) -> LoadedTable:
        metadata = read_metadata(self._catalog(), location)
        if snapshots == "refs":
            metadata = _with_referenced_snapshots(metadata)
        answer = {
            "metadata-location": location,
            "metadata": metadata,
            # Keys are here, where all clients look, the older ones in no other place.
            "config": self._file_access,
        }
        json = LoadTableResult.model_validate(answer).model_dump_json()
        return LoadedTable(json, hashlib.sha256(json.encode()).hexdigest())


def _with_referenced_snapshots(metadata: TableMetadata) -> TableMetadata:
    referenced = {reference.snapshot_id for reference in metadata.refs.values()}
    kept = [each for each in metadata.snapshots if each.snapshot_id in referenced]
    return metadata.model_copy(update={"snapshots": kept})
