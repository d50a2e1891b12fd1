"""The manifest: what a release holds, where it comes from, and how to check it.

It has no time of its own making: the same snapshot and parameters give the same bytes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

MANIFEST_FILE: Final = "manifest.json"
SUMS_FILE: Final = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A data file of a release.

    Attributes:
        path: Its path in the release's folder.
        rows: How many contributions it holds.
        bytes: Its size.
        sha256: SHA-256 of its bytes, in hexadecimal.
    """

    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of `manifest.json`.

    Attributes:
        name: The release's name, which is also its snapshot's tag.
        stage: Which stage it holds.
        snapshot_id: Its snapshot, as a string.
        sequence_number: The snapshot's.
        committed_at: When the snapshot was committed, in UTC.
        licence: SPDX id of the licence.
        rows: How many contributions it holds.
        file_count: In how many data files.
        files: Its data files.
        schema: The Iceberg schema of the rows.
        versions: The versions of what built it.
    """

    name: str
    stage: str
    snapshot_id: str
    sequence_number: int
    committed_at: datetime
    licence: str
    rows: int
    file_count: int
    files: list[ReleaseFile]
    schema: dict[str, Any]
    versions: dict[str, str]


# Made once and here: msgspec describes a type when it is first used, which isn't safe in threads.
_decode: Final = msgspec.json.Decoder(Manifest).decode


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(content: bytes) -> Manifest:
    """Read a manifest."""
    return _decode(content)


def encode_sums(sums: dict[str, str]) -> bytes:
    """Return SHA-256 sums by path in the form that `sha256sum --check` reads."""
    return "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)).encode()


def decode_sums(content: bytes) -> dict[str, str]:
    """Read SHA-256 sums by path."""
    lines = (line.split("  ", 1) for line in content.decode().splitlines())
    return {path: digest for digest, path in lines}
