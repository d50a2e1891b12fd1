"""The read-only Iceberg REST catalog. Its contract is Iceberg's specification, not our document."""

from typing import Final

PREFIX: Final = "/iceberg"
"""What engines are given as the catalog's URI, after the host."""
