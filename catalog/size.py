"""How large the table is, as its newest snapshot says."""

from dataclasses import dataclass

from pyiceberg.table import Table


@dataclass(frozen=True, slots=True)
class TableSize:
    """The table as of its newest snapshot, and how many snapshots it lists.

    Attributes:
        live_snapshots: Snapshots in its metadata.
        rows: Contributions, all versions.
        data_files: Files that hold them.
        data_bytes: Bytes of those files.
    """

    live_snapshots: int
    rows: int
    data_files: int
    data_bytes: int


def size_of(table: Table) -> TableSize:
    """Return the size of a table; no file but its metadata is read."""
    snapshot = table.current_snapshot()
    summary = snapshot.summary if snapshot else None
    properties = summary.additional_properties if summary else {}
    return TableSize(
        live_snapshots=len(table.metadata.snapshots),
        rows=int(properties.get("total-records", 0)),
        data_files=int(properties.get("total-data-files", 0)),
        data_bytes=int(properties.get("total-files-size", 0)),
    )
