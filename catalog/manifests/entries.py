"""Manifest entries of data files, with all that manifests tell of them."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.manifest import ManifestEntry
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from catalog.errors import DeleteFilesUnsupported
from catalog.manifests.cache import PATH, files_in, manifests_of


def newest_entries(table: Table) -> list[ManifestEntry]:
    """Return the manifest entries of the newest snapshot's data files, as `entries_of` does.

    Raises:
        DeleteFilesUnsupported: Another engine has written delete files.
    """
    newest = table.current_snapshot()
    return entries_of(table, newest) if newest else []


def entries_of(
    table: Table, snapshot: Snapshot, paths: Collection[str] | None = None
) -> list[ManifestEntry]:
    """Return the manifest entries of a snapshot's data files, with all that manifests tell of them.

    The manifests are read each time, which takes long: plans go by `files_of`.

    Args:
        table: Any table of the lake.
        snapshot: A live snapshot of the table.
        paths: URLs of the data files, of whose manifests alone all entries are read; None for all.

    Raises:
        DeleteFilesUnsupported: Another engine has written delete files.
    """
    wanted = None if paths is None else pa.array(set(paths), pa.string())
    entries: list[ManifestEntry] = []
    for manifest in manifests_of(table, snapshot):
        files = files_in(table, manifest)
        if files is None:
            raise DeleteFilesUnsupported(snapshot.snapshot_id)
        if wanted is None or pc.any(pc.is_in(files[PATH], wanted)).as_py():
            entries += manifest.fetch_manifest_entry(table.io)
    if wanted is None:
        return entries
    named = set(wanted.to_pylist())
    return [entry for entry in entries if entry.data_file.file_path in named]
