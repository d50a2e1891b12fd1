"""Where releases are published, each whole or not there at all: here, in a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from pyarrow.fs import FileSystem, LocalFileSystem

from app.releases.errors import ReleaseNotFound
from app.releases.manifest import (
    MANIFEST_FILE,
    SUMS_FILE,
    Manifest,
    decode_manifest,
    decode_sums,
)
from app.releases.recipe import NAMES
from app.state.published_folder import PublishedFolder

Method = Literal["GET", "HEAD"]

_MEDIA_TYPES: Final = {
    ".parquet": "application/vnd.apache.parquet",
    ".jsonl": "application/x-ndjson",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",
}
_DATA: Final = frozenset({".parquet", ".jsonl"})


@dataclass(frozen=True, slots=True)
class Download:
    """A file to send, or where to get it.

    Attributes:
        file: Where it lies; None when it lies elsewhere.
        url: Where it can be had for a while; None when it lies here. It is as good as a key.
        media_type: Its content type.
        sha256: SHA-256 of its bytes; None for the list of sums itself.
        is_data: Whether it is data, to be saved rather than shown.
    """

    file: Path | None
    url: str | None
    media_type: str
    sha256: str | None
    is_data: bool


class ReleaseStore(Protocol):
    """Where releases are published."""

    def all(self) -> list[Manifest]:
        """Return the manifests of all releases, by name."""

    def find(self, name: str) -> Manifest:
        """Return the manifest of a release.

        Raises:
            ReleaseNotFound: There is none by this name.
        """

    def file(self, name: str, path: str, method: Method = "GET") -> Download:
        """Return a file of a release; only the files that it lists can be had.

        Raises:
            ReleaseNotFound: There is no such release, or it has no such file.
        """

    def has(self, name: str) -> bool:
        """Tell whether something has this name already, be it whole or not."""

    def publish(self, folder: Path, name: str) -> None:
        """Publish a folder, and take it away; when that fails, nothing is published."""

    def remove(self, name: str) -> None:
        """Take a release away, as far as it is there."""

    def files(self, name: str) -> tuple[FileSystem, str]:
        """Return the files of a release as Arrow reads them, and the path of its folder."""

    def where(self, name: str) -> str:
        """Return the path or the URL of a release, for a person."""


class FolderStore:
    """Releases as folders of one folder."""

    def __init__(self, folder: PublishedFolder) -> None:
        """Publish in a folder."""
        self._folder = folder

    def all(self) -> list[Manifest]:
        """Return the manifests of all releases, by name."""
        return [decode_manifest(file.read_bytes()) for file in self._folder.having(MANIFEST_FILE)]

    def find(self, name: str) -> Manifest:
        """Return the manifest of a release."""
        file = self.file(name, MANIFEST_FILE).file
        if file is None:
            raise ReleaseNotFound(name)
        return decode_manifest(file.read_bytes())

    def file(self, name: str, path: str, method: Method = "GET") -> Download:  # noqa: ARG002  # it is the same for both
        """Return a file of a release."""
        sums_file = self._folder.path / name / SUMS_FILE
        if not NAMES.allows(name) or not sums_file.is_file():
            raise ReleaseNotFound(name)
        sums = decode_sums(sums_file.read_bytes())
        if path != SUMS_FILE and path not in sums:
            raise ReleaseNotFound(name, path)
        file = self._folder.path / name / path
        return Download(file, None, media_type_of(path), sums.get(path), is_data(path))

    def has(self, name: str) -> bool:
        """Tell whether there is a folder by this name."""
        return self._folder.has(name)

    def publish(self, folder: Path, name: str) -> None:
        """Rename the folder, which is on the same disk.

        Raises:
            OSError: There is something by this name.
        """
        self._folder.publish(folder, name)

    def remove(self, name: str) -> None:
        """Remove its folder."""
        if self.has(name):
            self._folder.remove(name)

    def files(self, name: str) -> tuple[FileSystem, str]:
        """Return the local files, and the folder's path."""
        return LocalFileSystem(), str(self._folder.path / name)

    def where(self, name: str) -> str:
        """Return the folder's path."""
        return str(self._folder.path / name)


def media_type_of(path: str) -> str:
    """Return the content type of a file of a release."""
    return _MEDIA_TYPES[Path(path).suffix]


def is_data(path: str) -> bool:
    """Tell whether a file of a release is data, to be saved rather than shown."""
    return Path(path).suffix in _DATA
