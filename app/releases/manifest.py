"""The manifest: what a release holds, where it comes from, and how to check it.

It has no time of its own making: the same snapshot and parameters give the same bytes. Releases
that were published before a field was added are read with its default.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

MANIFEST_FILE: Final = "manifest.json"
SUMS_FILE: Final = "SHA256SUMS"

_DIGEST_DIGITS: Final = 16
"""Hexadecimal digits that tell apart releases of one name, in different lakes."""


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A data file of a release.

    Attributes:
        path: Its path in the release's folder.
        rows: How many contributions it holds.
        bytes: Its size.
        sha256: SHA-256 of its bytes, in hexadecimal.
        format: The form of its rows.
        split: Which split they are of.
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    format: str = "parquet"
    split: str = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of `manifest.json`.

    Attributes:
        name: The release's name, which is also the tag of its snapshots.
        stage: Which stage it holds.
        snapshot_id: The snapshot of the contributions that it comes from, as a string.
        sequence_number: The snapshot's.
        committed_at: When the snapshot was committed, in UTC.
        licence: SPDX id of the licence.
        rows: How many contributions it holds.
        file_count: In how many data files, of all forms.
        files: Its data files.
        schema: The schema of the rows, in Iceberg's form.
        versions: The versions of what built it.
        rules: The versions and the thresholds of the rules that its stages were computed by.
        stage_snapshots: Ids of the snapshots of the stage's tables, by table; they are tagged too.
        parameters: What it was asked to be.
        splits: How many contributions each split holds.
        dropped: How many contributions were left out on the way from raw, by the one reason.
        languages: How many contributions are in each language; none in a raw release.
        masked: How many pieces of personal data and secrets were masked, by kind.
        credited: How many names `CREDITS.txt` has.
        anonymous: How many contributions came without a name to credit.
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
    rules: dict[str, str] = field(default_factory=dict)
    stage_snapshots: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)
    masked: dict[str, int] = field(default_factory=dict)
    credited: int | None = None
    anonymous: int | None = None


# Made once and here: msgspec describes a type when it is first used, which isn't safe in threads.
_decode: Final = msgspec.json.Decoder(Manifest).decode


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(content: bytes) -> Manifest:
    """Read a manifest."""
    return _decode(content)


def identity_of(manifest: Manifest) -> str:
    """Return the name by which programs may keep a release's rows: no other rows have it.

    It is the release's name and a digest of its data files. Programs such as `datasets` keep what
    they have read by names alone, wherever it was; and two lakes may have releases of one name.
    """
    sums = encode_sums({file.path: file.sha256 for file in manifest.files})
    return f"{manifest.name}-{hashlib.sha256(sums).hexdigest()[:_DIGEST_DIGITS]}"


def encode_sums(sums: dict[str, str]) -> bytes:
    """Return SHA-256 sums by path in the form that `sha256sum --check` reads."""
    return "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)).encode()


def decode_sums(content: bytes) -> dict[str, str]:
    """Read SHA-256 sums by path."""
    lines = (line.split("  ", 1) for line in content.decode().splitlines())
    return {path: digest for digest, path in lines}
