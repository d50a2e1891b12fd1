"""The store of published releases, in a folder; `bucket` has the one for S3."""

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
from app.releases.recipe import RELEASE_NAMES
from app.settings import Settings
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
    """A file of a release: a local file, or a link to it in a bucket.

    Attributes:
        file: Path of the local file; None when the release is in a bucket.
        url: Link that works for a limited time without any other credential, so it is secret; None
            when the file is local.
        media_type: Content type of the file.
        sha256: SHA-256 of the file in hexadecimal; None for `SHA256SUMS` itself.
        is_data: Whether a browser saves the file instead of showing it.
    """

    file: Path | None
    url: str | None
    media_type: str
    sha256: str | None
    is_data: bool


class ReleaseStore(Protocol):
    """Keeps published releases; each is complete or not there at all."""

    def all(self) -> list[Manifest]:
        """Return the manifests of all releases, by name."""

    def find(self, name: str) -> Manifest:
        """Return the manifest of a release.

        Raises:
            ReleaseNotFound: No release has this name.
        """

    def file(self, name: str, path: str, method: Method = "GET") -> Download:
        """Return a file of a release.

        Args:
            name: Name of the release.
            path: Path of a file that the release's `SHA256SUMS` lists, or of `SHA256SUMS`.
            method: HTTP method that the file is requested by: a link works for one method alone.

        Raises:
            ReleaseNotFound: No release has this name, or it doesn't list the file.
        """

    def has(self, name: str) -> bool:
        """Tell whether the name is in use, also by an incomplete release."""

    def publish(self, folder: Path, name: str) -> None:
        """Publish a folder as a release; when that fails, nothing is published.

        Args:
            folder: The built release. It may be moved; the caller removes what is left of it.
            name: Name of the release.
        """

    def remove(self, name: str) -> None:
        """Remove a release, also an incomplete one; do nothing if there is none."""

    def filesystem(self, name: str) -> tuple[FileSystem, str]:
        """Return the Arrow file system that has a release, and the path of its folder there."""

    def location(self, name: str) -> str:
        """Return the path or the URL of a release, to be read by a person."""


class FolderStore:
    """Keeps releases as subfolders of one folder."""

    def __init__(self, folder: PublishedFolder) -> None:
        self._folder = folder

    def all(self) -> list[Manifest]:
        """Return the manifests of all releases, by name."""
        return [decode_manifest(file.read_bytes()) for file in self._folder.find_all(MANIFEST_FILE)]

    def find(self, name: str) -> Manifest:
        """Return the manifest of a release."""
        file = self.file(name, MANIFEST_FILE).file
        if file is None:
            raise ReleaseNotFound(name)
        return decode_manifest(file.read_bytes())

    def file(self, name: str, path: str, method: Method = "GET") -> Download:  # noqa: ARG002  # the same file for both
        """Return a file of a release."""
        sums_file = self._folder.path / name / SUMS_FILE
        if not RELEASE_NAMES.allows(name) or not sums_file.is_file():
            raise ReleaseNotFound(name)
        sums = decode_sums(sums_file.read_bytes())
        if path != SUMS_FILE and path not in sums:
            raise ReleaseNotFound(name, path)
        file = self._folder.path / name / path
        return Download(file, None, media_type_of(path), sums.get(path), is_data(path))

    def has(self, name: str) -> bool:
        """Tell whether there is a folder of this name."""
        return self._folder.has(name)

    def publish(self, folder: Path, name: str) -> None:
        """Rename the folder, which must be one that was built in the same `PublishedFolder`.

        Raises:
            OSError: The name is in use.
        """
        self._folder.publish(folder, name)

    def remove(self, name: str) -> None:
        """Remove the folder of a release, if there is one."""
        if self.has(name):
            self._folder.remove(name)

    def filesystem(self, name: str) -> tuple[FileSystem, str]:
        """Return the local file system, and the path of a release's folder."""
        return LocalFileSystem(), str(self._folder.path / name)

    def location(self, name: str) -> str:
        """Return the path of a release's folder."""
        return str(self._folder.path / name)


def open_store(folder: PublishedFolder, settings: Settings) -> ReleaseStore:
    """Return the store that the settings choose.

    Args:
        folder: The local folder that releases are built in, which is the store without a bucket.
        settings: Name the bucket, with its credentials.
    """
    if not settings.releases_bucket:
        return FolderStore(folder)
    # boto3 takes long to import, and only a bucket needs it.
    from app.releases.bucket import BucketStore  # noqa: PLC0415

    return BucketStore(settings.releases_bucket, settings)


def is_published(store: ReleaseStore, name: str) -> bool:
    """Tell whether a release is complete in a store."""
    try:
        store.find(name)
    except ReleaseNotFound:
        return False
    return True


def media_type_of(path: str) -> str:
    """Return the content type of a file of a release."""
    return _MEDIA_TYPES[Path(path).suffix]


def is_data(path: str) -> bool:
    """Tell whether a file of a release is data, which a browser saves instead of showing it."""
    return Path(path).suffix in _DATA
