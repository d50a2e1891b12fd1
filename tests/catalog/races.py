"""A catalog whose commits are interrupted at chosen points; it is a real one, not a mock."""

from collections.abc import Callable
from typing import Any

from pyiceberg.table import CommitTableResponse, Table

from catalog.connection import CATALOG_NAME, LockingCatalog
from catalog.storage.file_io import FILE_IO
from catalog.storage.sqlite import make_sqlite_durable


class PowerCut(BaseException):
    """A power cut: like a real one, nothing handles it on its way."""


def cut_power() -> None:
    """Raise a power cut."""
    raise PowerCut


def _nothing() -> None:
    pass


class InterruptedCatalog(LockingCatalog):
    """The catalog, with callbacks before, within and after a commit.

    Attributes:
        before_commit: Called when the data files and manifests are written, but not the metadata.
        before_swap: Called when the new metadata file is written too, but the catalog's database
            doesn't name it yet. A commit that is made here wins the race.
        after_commit: Called when the commit is durable.
    """

    before_commit: Callable[[], None] = staticmethod(_nothing)
    before_swap: Callable[[], None] = staticmethod(_nothing)
    after_commit: Callable[[], None] = staticmethod(_nothing)

    def __init__(self, uri: str, warehouse: str, **properties: str) -> None:
        places = {"uri": uri, "warehouse": warehouse, "py-io-impl": FILE_IO}
        super().__init__(CATALOG_NAME, **places, **properties)
        make_sqlite_durable(self.engine)

    def commit_table(self, table: Table, *args: Any, **kwargs: Any) -> CommitTableResponse:
        """Commit, with the callbacks before and after it."""
        self.before_commit()
        response = super().commit_table(table, *args, **kwargs)
        self.after_commit()
        return response

    def _write_metadata(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]  # pyiceberg's is static, and this one needs to know its catalog
        super()._write_metadata(*args, **kwargs)
        self.before_swap()
