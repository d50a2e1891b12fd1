"""Transactions that compute the metadata of a table once for each of their changes."""

from pyiceberg.table import Table, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import TableUpdate


class LakeTransaction(Transaction):
    """pyiceberg's transaction, which keeps the metadata that its changes lead to.

    pyiceberg computes that metadata, and copies all of it, some 14 times for each commit. It
    depends on nothing but the metadata of the table and the staged updates.
    """

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._changed: tuple[TableMetadata, tuple[TableUpdate, ...], TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        """Metadata of the table with the staged updates. Callers don't change it."""
        base, updates, changed = self._changed or (None, None, None)
        if changed is None or base is not self._table.metadata or updates is not self._updates:
            changed = super().table_metadata
            self._changed = self._table.metadata, self._updates, changed
        return changed


class LakeTable(Table):
    """A table of the lake."""

    def transaction(self) -> LakeTransaction:
        """Return a new transaction on this table."""
        return LakeTransaction(self)
