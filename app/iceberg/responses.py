"""The catalog's responses, by their names in the Iceberg REST specification.

pyiceberg has such models too, but importing them imports its client with an HTTP library, which
would take a quarter of the time in which a server starts.
"""

from pydantic import Field
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import IcebergBaseModel, Identifier


class ConfigResponse(IcebergBaseModel):
    """How to use the catalog, which a client asks first."""

    defaults: dict[str, str]
    overrides: dict[str, str]
    endpoints: tuple[str, ...]


class ListNamespacesResponse(IcebergBaseModel):
    """The namespaces at the top or in another namespace."""

    namespaces: list[Identifier]


class GetNamespaceResponse(IcebergBaseModel):
    """A namespace and its properties."""

    namespace: Identifier
    properties: dict[str, str] = Field(default_factory=dict)


class TableIdentifier(IcebergBaseModel):
    """A table's name and namespace."""

    name: str
    namespace: Identifier


class ListTablesResponse(IcebergBaseModel):
    """The tables of a namespace."""

    identifiers: list[TableIdentifier]


class LoadTableResult(IcebergBaseModel):
    """A table's metadata, and the properties with which its files are opened."""

    metadata_location: str = Field(alias="metadata-location")
    metadata: TableMetadata
    config: dict[str, str]
