"""Wiring of `app.versions`: the versions of conversations, and which of them were replaced."""

from app.services.access import AccessServices
from app.services.foundation import Foundation
from app.versions.filling import VersionFilling
from app.versions.index import VersionFinder, VersionIndex
from app.versions.prepared import PreparedVersions
from app.versions.recording import VersionRecorder


class VersionServices:
    """The index of versions, and what writes it."""

    def __init__(self, foundation: Foundation, access: AccessServices) -> None:
        self._foundation = foundation
        self._taken_down = access.taken_down
        self.index = VersionIndex(foundation.database)
        self.finder = VersionFinder(self.index)
        self.prepared = PreparedVersions(self.index)
        self.recorder = VersionRecorder(
            self.index, foundation.database, foundation.get_catalog, access.taken_down
        )

    def filling(self) -> VersionFilling:
        """Return what fills the index of versions anew."""
        return VersionFilling(
            self.index,
            self._foundation.database,
            self._foundation.get_catalog,
            self._taken_down,
            self._foundation.scratch.connection,
        )

    def close(self) -> None:
        """Close the connections to the index of versions."""
        self.finder.close()
        self.index.dispose()
