"""The errors of the Iceberg catalog.

LakeError
├── NotFound
│   ├── NoSuchWarehouse
│   ├── NoSuchNamespace
│   └── NoSuchTable
└── ReadOnlyCatalog
"""

from catalog.errors import LakeError, NotFound


class NoSuchWarehouse(NotFound):
    """The catalog's one warehouse has another name."""

    def __init__(self, warehouse: str) -> None:
        super().__init__(f"there is no warehouse {warehouse!r}")
        self.warehouse = warehouse


class NoSuchNamespace(NotFound):
    """The catalog has no namespace of this name."""

    def __init__(self, namespace: str) -> None:
        super().__init__(f"there is no namespace {namespace!r}")
        self.namespace = namespace


class NoSuchTable(NotFound):
    """The namespace has no table of this name."""

    def __init__(self, table: str) -> None:
        super().__init__(f"there is no table {table!r}")
        self.table = table


class ReadOnlyCatalog(LakeError):
    """An engine tried to write through the catalog, which is read-only."""

    def __init__(self) -> None:
        super().__init__("this catalog is read-only; contributions are sent to /v1/ingest")
