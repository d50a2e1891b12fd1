"""The store of published releases in a folder."""

from collections.abc import Collection
from pathlib import Path

from pyarrow.fs import FileSystem, LocalFileSystem

from app.releases.errors import ReleaseNotFound
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, Manifest, decode_manifest, decode_sums
from app.releases.recipe import RELEASE_NAMES
from app.releases.stores.interface import Download, Method, is_data, media_type_of, missing_file
from app.state.published_folder import PublishedFolder


class FolderStore:
    """Keeps releases as subfolders of one folder.

    Attributes:
        folder: The folder, in which releases are built as well.
    """

    def __init__(self, folder: PublishedFolder) -> None:
        self.folder = folder

    def all(self) -> list[Manifest]:
        """Return the manifests of all releases, by name."""
        return [decode_manifest(file.read_bytes()) for file in self.folder.find_all(MANIFEST_FILE)]

    def find(self, name: str) -> Manifest:
        """Return the manifest of a release."""
        file = self.file(name, MANIFEST_FILE).file
        if file is None:
            raise ReleaseNotFound(name)
        return decode_manifest(file.read_bytes())

    def file(self, name: str, path: str, method: Method = "GET") -> Download:  # noqa: ARG002  # the same file for both
        """Return a file of a release."""
        sums_file = self.folder.path / name / SUMS_FILE
        if not RELEASE_NAMES.allows(name) or not sums_file.is_file():
            raise ReleaseNotFound(name)
        sums = decode_sums(sums_file.read_bytes())
        if path != SUMS_FILE and path not in sums:
            raise missing_file(self.find(name), path)
        file = self.folder.path / name / path
        return Download(file, None, media_type_of(path), sums.get(path), is_data(path))

    def has(self, name: str) -> bool:
        """Tell whether there is a folder of this name."""
        return self.folder.has(name)

    def publish(self, folder: Path, name: str) -> None:
        """Rename the folder, which must be one that was built in the same `PublishedFolder`.

        Raises:
            OSError: The name is in use.
        """
        self.folder.publish(folder, name)

    def remove(self, name: str) -> None:
        """Remove the folder of a release, if there is one."""
        if self.has(name):
            self.folder.remove(name)

    def revise(self, folder: Path, name: str) -> None:
        """Move the files of a folder, which must be one of the same `PublishedFolder`."""
        self.folder.replace(folder, name, MANIFEST_FILE)

    def remove_unlisted(self, name: str) -> None:
        """Remove the files that `SHA256SUMS` doesn't list."""
        sums = decode_sums((self.folder.path / name / SUMS_FILE).read_bytes())
        self.folder.keep_only(name, {SUMS_FILE, *sums})

    def remove_unpublished(self, names: Collection[str]) -> None:
        """Do nothing: a folder is published as a whole."""

    def filesystem(self, name: str) -> tuple[FileSystem, str]:
        """Return the local file system, and the path of a release's folder."""
        return LocalFileSystem(), str(self.folder.path / name)

    def location(self, name: str) -> str:
        """Return the path of a release's folder."""
        return str(self.folder.path / name)
