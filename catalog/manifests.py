"""A cache of Iceberg's manifests in this process; a manifest never changes once it is written.

A plan needs the manifest list of its snapshot and the entries of most manifests. Reading them for
each request would take longer than reading the rows that it asks for.
"""

from threading import Lock
from typing import Final

from cachetools import LRUCache
from pyiceberg.io import FileIO
from pyiceberg.manifest import ManifestEntry, ManifestFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

_CACHED_LISTS: Final = 8
CACHED_ENTRIES: Final = 20_000
"""Most entries in the cache, one for each data file. At about 4 kB each they take 80 MB."""


class _CachedManifest(ManifestFile):
    """A manifest whose entries are read once, for as long as the cache keeps them."""

    def fetch_manifest_entry(self, io: FileIO, discard_deleted: bool = True) -> list[ManifestEntry]:
        """Return the entries of the data files that the manifest adds or keeps."""
        if not discard_deleted:
            return super().fetch_manifest_entry(io, discard_deleted)
        with _lock:
            entries = _entries.get(self.manifest_path)
        if entries is None:
            entries = super().fetch_manifest_entry(io)
            with _lock:
                # A manifest with more entries than the cache holds is read each time.
                if len(entries) <= CACHED_ENTRIES:
                    _entries[self.manifest_path] = entries
        return entries


_lists: Final[LRUCache[str, list[ManifestFile]]] = LRUCache(_CACHED_LISTS)
_entries: Final[LRUCache[str, list[ManifestEntry]]] = LRUCache(CACHED_ENTRIES, getsizeof=len)
_lock: Final = Lock()
"""Held during look-ups only, not while reading: two requests may read the same manifest at once."""


def clear() -> None:
    """Empty the cache."""
    with _lock:
        _lists.clear()
        _entries.clear()


def manifests_of(table: Table, snapshot: Snapshot) -> list[ManifestFile]:
    """Return the manifests of a live snapshot; their entries are shared, so don't edit them."""
    with _lock:
        manifests = _lists.get(snapshot.manifest_list)
    if manifests is None:
        manifests = [_CachedManifest(*manifest) for manifest in snapshot.manifests(table.io)]  # type: ignore[misc]  # pyiceberg's record has no annotated fields
        with _lock:
            _lists[snapshot.manifest_list] = manifests
    return manifests
