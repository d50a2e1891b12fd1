"""The manifest: the contents, the origin and the checksums of a release.

It doesn't say when it was written, so that the same snapshot and parameters give the same bytes. A
field that was added later has its default in manifests that were written before. Some of them are
only written where they have another value, so that an old release is built again to the same bytes.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from app.curation.rules.interface import NAMES_BY, SCORES_BY
from app.releases.counts.statistics import ReleaseStatistics
from app.releases.left_out import LeftOut
from catalog.stages.tables import Stage

MANIFEST_FILE: Final = "manifest.json"
SUMS_FILE: Final = "SHA256SUMS"

_DIGEST_DIGITS: Final = 16
"""Digits of the digest that tells releases of one name in different lakes apart."""


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A data file of a release.

    Attributes:
        path: Path of the file in the release's folder.
        rows: Number of rows in the file.
        bytes: Size in bytes.
        sha256: SHA-256 of the file in hexadecimal.
        format: File format: `parquet` or `jsonl`.
        split: Split of the rows: `train` or `test`.
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    format: str = "parquet"
    split: str = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSet:
    """An evaluation set that the rows of a release don't overlap with.

    Attributes:
        name: Name of the set.
        version: Version of the set.
        licence: SPDX id of its licence.
        sha256: SHA-256 of its items in hexadecimal.
        items: Number of its items.
        dropped: Number of contributions that were left out since they overlap with it.
    """

    name: str
    version: str
    licence: str
    sha256: str
    items: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of `manifest.json`.

    Attributes:
        name: Name of the release, which is also the tag of its snapshots.
        stage: Stage whose rows the release holds.
        snapshot_id: Id of the snapshot of the contributions, as a string.
        sequence_number: Sequence number of the snapshot.
        committed_at: When the snapshot was committed, in UTC.
        licence: SPDX id of the licence.
        rows: Number of rows: of contributions, unless the release has another form.
        file_count: Number of data files of all formats.
        files: The data files, by path.
        schema: Schema of the rows, as Iceberg writes it in JSON.
        versions: Versions of the programs that built the release, by name.
        rules: Versions and thresholds of the rules that computed the stages; empty for raw.
        stage_snapshots: Ids of the tagged snapshots of stage tables, by table; empty for raw.
        parameters: Parameters of the recipe.
        splits: Number of rows by split.
        dropped: Number of contributions that were left out on the way from raw, by reason, in the
            order in which the reasons are applied.
        languages: Number of contributions by language; empty for raw.
        masked: Number of masked pieces of personal data and secrets, by kind; empty for raw.
        credited: Number of names in `CREDITS.txt`; None in old manifests.
        anonymous: Number of contributions without a name to credit; None in old manifests.
        form: What a row is: `conversations`, `preference` or `unpaired`.
        contributions: Number of contributions that the rows come from; None where each row is one.
        sources: Number of rows by what a preference is known from; empty for conversations.
        licences: Number of contributions by the licence of their own that they state.
        reasons: Every reason for which contributions were left out, in the order in which they are
            applied, also those for which none was; empty in old manifests.
        evaluation_sets: The evaluation sets that the rows were checked against, by name; empty
            without a check.
        statistics: What the release holds; None in old manifests.
        quality_scores: Number of contributions by quality score, ascending: from each key up to the
            next. Those without a score aren't counted; empty where none has one.
        flagged: Number of contributions with a turn that a scorer flagged, by category.
        medians: Medians of columns of numbers (see `app.releases.counts.numbers`); empty without
            such columns, and in old manifests.
        examples: Ids of the contributions that the card shows as examples, by reason; empty without
            such examples, and in old manifests.
        revision: How often the release was published: 1 until contributions are taken out of it.
        taken_down: Number of rows that earlier revisions had and this one lacks.
        withdrawn: Paths of the data files of earlier revisions, which nobody gets any more.
    """

    name: str
    stage: Stage
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
    form: str = "conversations"
    contributions: int | None = None
    sources: dict[str, int] = field(default_factory=dict)
    licences: dict[str, int] = field(default_factory=dict)
    reasons: list[LeftOut] = field(default_factory=list)
    evaluation_sets: list[CheckedSet] = field(default_factory=list)
    statistics: ReleaseStatistics | None = None
    quality_scores: dict[str, int] = field(default_factory=dict)
    flagged: dict[str, int] = field(default_factory=dict)
    medians: dict[str, float] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    revision: int = 1
    taken_down: int = 0
    withdrawn: list[str] = field(default_factory=list)

    @property
    def is_raw(self) -> bool:
        """Whether its rows are those of the raw table."""
        return self.stage == "raw"

    @property
    def masks_names(self) -> bool:
        """Whether a recogniser looked for the names of people, who may be nowhere named."""
        return NAMES_BY in self.rules.get("cleaning", "")

    @property
    def is_scored(self) -> bool:
        """Whether scorers were asked about the texts."""
        return SCORES_BY in self.rules.get("cleaning", "")


_LEFT_OUT: Final[dict[str, Any]] = {
    "form": "conversations",
    "contributions": None,
    "sources": {},
    "licences": {},
    "reasons": [],
    "evaluation_sets": [],
    "statistics": None,
    "quality_scores": {},
    "flagged": {},
    "medians": {},
    "examples": {},
    "revision": 1,
    "taken_down": 0,
    "withdrawn": [],
}
"""Fields that are left out where they have these values."""
# Made at import: msgspec inspects a type when it is first used, which isn't safe in threads.
_decode: Final = msgspec.json.Decoder(Manifest).decode


def newest_first(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return releases in the order of lists: by snapshot and name, both descending."""
    return sorted(manifests, key=lambda each: (each.sequence_number, each.name), reverse=True)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON."""
    content = without_defaults(msgspec.to_builtins(manifest))
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def without_defaults(content: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest as a dict, without later fields that have their default."""
    return {
        name: value
        for name, value in content.items()
        if name not in _LEFT_OUT or value != _LEFT_OUT[name]
    }


def decode_manifest(content: bytes) -> Manifest:
    """Return the manifest that JSON holds."""
    return _decode(content)


def identity_of(manifest: Manifest) -> str:
    """Return a name that no release with other rows has: its own name and a digest of its data.

    Programs such as `datasets` cache rows by name alone, wherever they were read from, and two
    lakes may have releases of one name.
    """
    sums = encode_sums({file.path: file.sha256 for file in manifest.files})
    return f"{manifest.name}-{hashlib.sha256(sums).hexdigest()[:_DIGEST_DIGITS]}"


def encode_sums(sums: dict[str, str]) -> bytes:
    """Return a list of SHA-256 sums by path, as `sha256sum --check` reads it."""
    return "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)).encode()


def decode_sums(content: bytes) -> dict[str, str]:
    """Return the SHA-256 sums that a list holds, by path."""
    lines = (line.split("  ", 1) for line in content.decode().splitlines())
    return {path: digest for digest, path in lines}
