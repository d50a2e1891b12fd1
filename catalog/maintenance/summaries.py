"""Counts of data files, as the properties of snapshots have them."""

from collections.abc import Iterable
from dataclasses import dataclass

from pyiceberg.manifest import ManifestEntry
from pyiceberg.table.snapshots import Operation, Snapshot, Summary


@dataclass(frozen=True, slots=True)
class FileTotals:
    """Numbers of some data files.

    Attributes:
        files: Number of files.
        rows: Number of their rows.
        size_bytes: Bytes of the files.
    """

    files: int = 0
    rows: int = 0
    size_bytes: int = 0

    def __add__(self, other: "FileTotals") -> "FileTotals":
        return FileTotals(
            self.files + other.files,
            self.rows + other.rows,
            self.size_bytes + other.size_bytes,
        )

    def __sub__(self, other: "FileTotals") -> "FileTotals":
        return FileTotals(
            self.files - other.files,
            self.rows - other.rows,
            self.size_bytes - other.size_bytes,
        )


def totals_of(entries: Iterable[ManifestEntry]) -> FileTotals:
    """Return the sizes of the data files of manifest entries together."""
    sizes = (
        FileTotals(1, entry.data_file.record_count, entry.data_file.file_size_in_bytes)
        for entry in entries
    )
    return sum(sizes, FileTotals())


def summary_of(
    old: Snapshot, parent: Snapshot | None, total: FileTotals, added: FileTotals
) -> Summary | None:
    """Return the properties of a snapshot with the counts of what it has, adds and removes now.

    Args:
        old: The snapshot as it is.
        parent: The snapshot before it, as that is to be; None without one.
        total: The data files that it is to have.
        added: Those of them that it adds.

    Source: https://iceberg.apache.org/spec/#optional-snapshot-summary-fields
    """
    if old.summary is None:
        return None
    counts = _named(total, "total-records", "total-data-files", "total-files-size")
    counts |= _named(added, "added-records", "added-data-files", "added-files-size")
    if parent is not None and parent.summary is not None:
        removed = _total_of(parent.summary) + added - total
        counts |= _named(removed, "deleted-records", "deleted-data-files", "removed-files-size")
    elif old.summary.operation is Operation.REPLACE:
        counts["deleted-records"] = added.rows
    properties = old.summary.additional_properties
    changed = {name: str(counts[name]) for name in counts.keys() & properties.keys()}
    return Summary(old.summary.operation, **{**properties, **changed})


def _named(size: FileTotals, rows: str, files: str, size_bytes: str) -> dict[str, int]:
    return {rows: size.rows, files: size.files, size_bytes: size.size_bytes}


def _total_of(summary: Summary) -> FileTotals:
    properties = summary.additional_properties
    names = ("total-data-files", "total-records", "total-files-size")
    return FileTotals(*(int(properties.get(name, 0)) for name in names))
