"""The store of published releases, in a folder; `bucket` has the one for S3."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from pyarrow.fs import FileSystem, LocalFileSystem

from app.releases.errors import FileWithdrawn, ReleaseNotFound
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
CACHED_S: Final = 300
"""How long caches may keep a data file: what is taken down is to be gone from them as well."""


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
    """Keeps published releases; each is complete or not there at all.

    Attributes:
        folder: The local folder that releases are built in, also those for a bucket.
    """

    folder: PublishedFolder

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
            FileWithdrawn: The file is one of an earlier revision.
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

    def revise(self, folder: Path, name: str) -> None:
        """Put files in the place of a release's own, `manifest.json` last.

        Files of the release that aren't in the folder stay, until `remove_unlisted`. When it is
        interrupted, the release has its old manifest or all of the new files.

        Args:
            folder: The new files. They may be moved; the caller removes what is left.
            name: Name of the release.
        """

    def remove_unlisted(self, name: str) -> None:
        """Remove what belongs to a release, and isn't listed by its `SHA256SUMS`."""

    def remove_unpublished(self, names: Collection[str]) -> None:
        """Remove what is left of releases that aren't published, such as by a killed upload.

        Args:
            names: Names of releases that aren't published, and aren't being published.
        """

    def filesystem(self, name: str) -> tuple[FileSystem, str]:
        """Return the Arrow file system that has a release, and the path of its folder there."""

    def location(self, name: str) -> str:
        """Return the path or the URL of a release, to be read by a person."""


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


def open_store(settings: Settings) -> ReleaseStore:
    """Return the store that the settings choose: a bucket, or the local folder of releases."""
    folder = PublishedFolder(settings.releases)
    if not settings.releases_bucket:
        return FolderStore(folder)
    # boto3 takes long to import, and only a bucket needs it.
    from app.releases.bucket import BucketStore  # noqa: PLC0415

    return BucketStore(settings.releases_bucket, settings, folder)


def is_published(store: ReleaseStore, name: str) -> bool:
    """Tell whether a release is complete in a store."""
    try:
        store.find(name)
    except ReleaseNotFound:
        return False
    return True


def missing_file(manifest: Manifest, path: str) -> ReleaseNotFound | FileWithdrawn:
    """Return the error for a file that a release doesn't list."""
    if path in manifest.withdrawn:
        return FileWithdrawn(manifest.name, path, manifest.revision)
    return ReleaseNotFound(manifest.name, path)


def media_type_of(path: str) -> str:
    """Return the content type of a file of a release."""
    return _MEDIA_TYPES[Path(path).suffix]


def is_data(path: str) -> bool:
    """Tell whether a file of a release is data, which a browser saves instead of showing it."""
    return Path(path).suffix in _DATA
