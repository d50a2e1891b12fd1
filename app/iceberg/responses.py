"""What the catalog answers, as the Iceberg REST specification describes it.

pyiceberg has models of the same, but they come with its client, and that with an HTTP library,
which takes a quarter of a server's start.
"""

from pydantic import Field
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import IcebergBaseModel, Identifier


class ConfigResponse(IcebergBaseModel):
    """What a client is told first."""

    defaults: dict[str, str]
    overrides: dict[str, str]
    endpoints: tuple[str, ...]


class ListNamespacesResponse(IcebergBaseModel):
    """The namespaces at one place."""

    namespaces: list[Identifier]


class GetNamespaceResponse(IcebergBaseModel):
    """One namespace."""

    namespace: Identifier
    properties: dict[str, str] = Field(default_factory=dict)


class TableIdentifier(IcebergBaseModel):
    """A table and the namespace that it is in."""

    name: str
    namespace: Identifier


class ListTablesResponse(IcebergBaseModel):
    """The tables of a namespace."""

    identifiers: list[TableIdentifier]


class LoadTableResult(IcebergBaseModel):
    """A table as one metadata file describes it, and how to reach its files."""

    metadata_location: str = Field(alias="metadata-location")
    metadata: TableMetadata
    config: dict[str, str]
