"""The published releases: folders under one shelf, whole or not there at all."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.releases.errors import ReleaseNameInvalid, ReleaseNotFound
from app.releases.manifest import (
    MANIFEST_FILE,
    SUMS_FILE,
    Manifest,
    decode_manifest,
    decode_sums,
)

NAME_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
_MEDIA_TYPES: Final = {
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    "": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Download:
    """A file to send.

    Attributes:
        file: Where it lies.
        media_type: Its content type.
        sha256: SHA-256 of its bytes; None for the list of sums itself.
    """

    file: Path
    media_type: str
    sha256: str | None


def check_name(name: str) -> None:
    """Raise ReleaseNameInvalid unless the name can be a folder and a part of a URL."""
    # `$` alone would let a newline through at the end.
    if not re.fullmatch(NAME_PATTERN, name):
        raise ReleaseNameInvalid(name, NAME_PATTERN)


def list_releases(shelf: Path) -> list[Manifest]:
    """Return the manifests of all releases, by name."""
    return [
        decode_manifest(file.read_bytes()) for file in sorted(shelf.glob(f"[!.]*/{MANIFEST_FILE}"))
    ]


def find_release(shelf: Path, name: str) -> Manifest:
    """Return the manifest of a release.

    Raises:
        ReleaseNotFound: There is none by this name.
    """
    return decode_manifest(find_file(shelf, name, MANIFEST_FILE).file.read_bytes())


def find_file(shelf: Path, name: str, path: str) -> Download:
    """Return a file of a release; only the files that it lists can be had.

    Raises:
        ReleaseNotFound: There is no such release, or it has no such file.
    """
    folder = shelf / name
    sums_file = folder / SUMS_FILE
    if not re.fullmatch(NAME_PATTERN, name) or not sums_file.is_file():
        raise ReleaseNotFound(name)
    sums = decode_sums(sums_file.read_bytes())
    if path != SUMS_FILE and path not in sums:
        raise ReleaseNotFound(name, path)
    file = folder / path
    return Download(file, _MEDIA_TYPES[file.suffix], sums.get(path))
