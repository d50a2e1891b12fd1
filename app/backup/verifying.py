"""Verifying that every snapshot of a backup, or of a restored lake, has its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.io import FileIO
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata

from app.backup.errors import CountsDiffer
from catalog.connection import CATALOG_NAME
from catalog.manifests import cache
from catalog.metadata.moving import files_of_metadata
from catalog.reading.counts import rows_by_commit, wrong_counts
from catalog.schema import NAMESPACE, TABLE_NAME
from catalog.snapshots import Snapshot, to_snapshot
from catalog.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSnapshots:
    """Snapshots whose rows were counted.

    Attributes:
        recorded: Number of snapshots of the raw table that the ledger has, thinned ones included.
        live: Number of live snapshots of all tables.
        rows: Number of rows of the newest snapshot of the raw table.
        files: Number of files that the tables name, each of which is there.
    """

    recorded: int
    live: int
    rows: int
    files: int

    def __str__(self) -> str:
        return (
            f"{counted(self.recorded, 'snapshot')} in the ledger and {self.live:,} live, "
            f"{counted(self.rows, 'row')}, {counted(self.files, 'file')} of tables"
        )


def verify_snapshots(
    io: FileIO, tables: Mapping[str, str], recorded: Sequence[Snapshot]
) -> VerifiedSnapshots:
    """Count the rows of every snapshot, and compare them with what is recorded.

    Args:
        io: Opens the files of the tables.
        tables: URLs of the metadata files of the tables, by their names.
        recorded: The ledger, oldest first.

    Raises:
        CountsDiffer: A snapshot has other rows than the ledger or its own summary states.
        FileNotFoundError: A file that a table names isn't there.
    """
    # Manifests that were read from elsewhere prove nothing.
    cache.clear()
    problems: list[str] = []
    live = rows = files = 0
    for name, location in tables.items():
        metadata = FromInputFile.table_metadata(io.new_input(location))
        files += _check_files(metadata, io)
        live += len(metadata.snapshots)
        problems += _wrong_summaries(name, metadata, io)
        if name == TABLE_NAME:
            table = Table((NAMESPACE, name), metadata, location, io, NoopCatalog(CATALOG_NAME))
            counted = rows_by_commit(table)
            rows = counted.total()
            problems += [str(wrong) for wrong in wrong_counts(counted, recorded)]
    cache.clear()
    if problems:
        raise CountsDiffer(problems)
    return VerifiedSnapshots(recorded=len(recorded), live=live, rows=rows, files=files)


def _check_files(metadata: TableMetadata, io: FileIO) -> int:
    """Check that every file that a table names is there, and return how many there are.

    Raises:
        CountsDiffer: A file has another size than the metadata states.
        FileNotFoundError: A file isn't there.
    """
    files = 0
    for files, file in enumerate(files_of_metadata(metadata, io), start=1):  # noqa: B007
        size = len(io.new_input(file.url))
        if file.size_bytes not in {None, size}:
            raise CountsDiffer([f"{file.url} has {size} bytes instead of {file.size_bytes}"])
    return files


def _wrong_summaries(name: str, metadata: TableMetadata, io: FileIO) -> list[str]:
    """Return what is wrong with the numbers of rows that live snapshots state of themselves."""
    rows: dict[str, int] = {}
    problems = []
    for snapshot in metadata.snapshots:
        listed = snapshot.manifests(io)
        for manifest in listed:
            if manifest.manifest_path not in rows:
                entries = manifest.fetch_manifest_entry(io)
                rows[manifest.manifest_path] = sum(each.data_file.record_count for each in entries)
        found = sum(rows[manifest.manifest_path] for manifest in listed)
        stated = to_snapshot(snapshot).total_rows
        if found != stated:
            problems.append(
                f"snapshot {snapshot.snapshot_id} of {name} has {counted(found, 'row')} instead of "
                f"{stated}"
            )
    return problems
