"""Wiring of `app.versions`: the versions of conversations, and which of them were replaced."""

from app.services.access import AccessServices
from app.settings import Settings
from app.versions.filling import VersionFilling
from app.versions.index import VersionFinder, VersionIndex
from app.versions.prepared import PreparedVersions
from app.versions.recording import VersionRecorder


class VersionServices(AccessServices):
    """The index of versions, and what writes it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.version_index = VersionIndex(self.database)
        self.version_finder = VersionFinder(self.version_index)
        self.prepared_versions = PreparedVersions(self.version_index)
        self.version_recorder = VersionRecorder(
            self.version_index, self.database, self.get_catalog, self.taken_down
        )

    def version_filling(self) -> VersionFilling:
        """Return what fills the index of versions anew."""
        return VersionFilling(
            self.version_index,
            self.database,
            self.get_catalog,
            self.taken_down,
            self.scratch.connection,
        )

    def close(self) -> None:
        """Close the connections to the index of versions, too."""
        self.version_finder.close()
        self.version_index.dispose()
        super().close()
