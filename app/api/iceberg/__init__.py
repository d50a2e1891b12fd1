"""The read-only Iceberg REST catalog; its contract is Iceberg's specification, not our OpenAPI."""

from typing import Final

PREFIX: Final = "/iceberg"
"""The path of the catalog's URI that engines are given."""
