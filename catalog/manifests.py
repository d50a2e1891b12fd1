"""What manifests say, remembered by the process: none changes once it is written.

A plan needs the manifest list of its snapshot and the entries of most manifests. Read anew, they
cost every request more than the rows that it is about.
"""

from threading import Lock
from typing import Final

from cachetools import LRUCache
from pyiceberg.io import FileIO
from pyiceberg.manifest import ManifestEntry, ManifestFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

_REMEMBERED_LISTS: Final = 8
_REMEMBERED_ENTRIES: Final = 20_000
"""Entries, one for each data file: of about 4 kB each, so 80 MB of memory when it is full."""


class _Manifest(ManifestFile):
    """A manifest that is opened once, as long as its entries are remembered."""

    def fetch_manifest_entry(self, io: FileIO, discard_deleted: bool = True) -> list[ManifestEntry]:
        """Return the entries of the data files that the manifest adds or keeps."""
        if not discard_deleted:
            return super().fetch_manifest_entry(io, discard_deleted)
        with _lock:
            entries = _entries.get(self.manifest_path)
        if entries is None:
            entries = super().fetch_manifest_entry(io)
            with _lock:
                # One that alone is too many is read each time.
                if len(entries) <= _REMEMBERED_ENTRIES:
                    _entries[self.manifest_path] = entries
        return entries


_lists: Final[LRUCache[str, list[ManifestFile]]] = LRUCache(_REMEMBERED_LISTS)
_entries: Final[LRUCache[str, list[ManifestEntry]]] = LRUCache(_REMEMBERED_ENTRIES, getsizeof=len)
_lock: Final = Lock()
"""Held for the look-ups alone: two requests may read the same manifest at once."""


def manifests_of(table: Table, snapshot: Snapshot) -> list[ManifestFile]:
    """Return the manifests of a live snapshot of a table. What they give isn't to be changed."""
    with _lock:
        manifests = _lists.get(snapshot.manifest_list)
    if manifests is None:
        manifests = [_Manifest(*manifest) for manifest in snapshot.manifests(table.io)]  # type: ignore[misc]  # pyiceberg's record has no annotated fields
        with _lock:
            _lists[snapshot.manifest_list] = manifests
    return manifests
