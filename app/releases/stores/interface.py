"""What a store of published releases does, and what a file of one is."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from pyarrow.fs import FileSystem

from app.releases.errors import FileWithdrawn, ReleaseNotFound
from app.releases.manifest import Manifest
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
