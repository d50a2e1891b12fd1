"""The size of a table, read from the summary of its newest snapshot."""

from dataclasses import dataclass

from pyiceberg.table import Table


@dataclass(frozen=True, slots=True)
class TableSize:
    """Rows and files of a table as of its newest snapshot.

    Attributes:
        live_snapshots: Number of snapshots that the table's metadata lists.
        rows: Number of rows, all versions included.
        data_files: Number of data files.
        data_bytes: Size of the data files together.
    """

    live_snapshots: int
    rows: int
    data_files: int
    data_bytes: int


def size_of(table: Table) -> TableSize:
    """Return the size of a table, from its metadata alone."""
    snapshot = table.current_snapshot()
    summary = snapshot.summary if snapshot else None
    properties = summary.additional_properties if summary else {}
    return TableSize(
        live_snapshots=len(table.metadata.snapshots),
        rows=int(properties.get("total-records", 0)),
        data_files=int(properties.get("total-data-files", 0)),
        data_bytes=int(properties.get("total-files-size", 0)),
    )
