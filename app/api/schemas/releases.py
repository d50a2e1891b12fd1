"""Releases, as answers have them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from marshmallow import Schema, fields, post_dump

from app.releases.manifest import Manifest, without_defaults
from app.releases.publications import HubPublication
from app.releases.recipe import RELEASE_NAMES

NAME_PARAMETER: Final = {
    "in": "path",
    "name": "name",
    "schema": {"type": "string", "pattern": RELEASE_NAMES.pattern},
    "example": "2026-11",
}
PATH_PARAMETER: Final = {
    "in": "path",
    "name": "path",
    "schema": {"type": "string", "minLength": 1},
    "example": "parquet/train-00000.parquet",
}


class BuiltIn(fields.Field[Any]):
    """A value of dataclasses, answered as the manifest has it in JSON."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> Any:  # noqa: ARG002  # as Marshmallow calls it
        return msgspec.to_builtins(value)


class ReleaseFileSchema(Schema):
    """A file of a release."""

    path = fields.String()
    rows = fields.Integer()
    bytes = fields.Integer()
    sha256 = fields.String()
    format = fields.String(metadata={"description": "`parquet` or `jsonl`"})
    split = fields.String(metadata={"description": "`train` or `test`"})


class CheckedSetSchema(Schema):
    """An evaluation set that the rows of a release don't overlap with."""

    name = fields.String()
    version = fields.String()
    licence = fields.String(metadata={"description": "SPDX id"})
    sha256 = fields.String(metadata={"description": "SHA-256 of its items"})
    items = fields.Integer()
    dropped = fields.Integer(metadata={"description": "Contributions that overlap with it"})


class ReleaseSchema(Schema):
    """The manifest of a release."""

    name = fields.String()
    stage = fields.String()
    snapshot_id = fields.String(
        metadata={"description": "The snapshot of the contributions that it comes from"}
    )
    sequence_number = fields.Integer()
    committed_at = fields.DateTime(metadata={"description": "Time of the snapshot"})
    licence = fields.String(metadata={"description": "SPDX id"})
    rows = fields.Integer(metadata={"description": "Contributions, or preferences, as `form` says"})
    file_count = fields.Integer()
    files = fields.List(fields.Nested(ReleaseFileSchema))
    schema = fields.Dict(metadata={"description": "The Iceberg schema of the rows"})
    versions = fields.Dict(metadata={"description": "Versions of the software that built it"})
    rules = fields.Dict(metadata={"description": "Versions and thresholds of the rules, by step"})
    stage_snapshots = fields.Dict(
        metadata={"description": "Ids of the snapshots of the stage's tables, by table"}
    )
    parameters = fields.Dict(metadata={"description": "The options that it was built with"})
    splits = fields.Dict(metadata={"description": "Rows by split"})
    dropped = fields.Dict(
        metadata={"description": "Contributions of the snapshot that were left out, by reason"}
    )
    languages = fields.Dict(metadata={"description": "Contributions by language"})
    masked = fields.Dict(metadata={"description": "Number of masked details, by kind"})
    credited = fields.Integer(
        allow_none=True, metadata={"description": "Names in CREDITS.txt; null in old releases"}
    )
    anonymous = fields.Integer(
        allow_none=True,
        metadata={"description": "Contributions without a name to credit; null in old releases"},
    )
    form = fields.String(
        metadata={
            "description": "What a row is: `preference` or `unpaired`; left out for conversations"
        }
    )
    contributions = fields.Integer(
        metadata={
            "description": "Contributions that rows come from; left out where each row is one"
        }
    )
    sources = fields.Dict(
        metadata={"description": "Rows by what the preference is known from; left out if none"}
    )
    licences = fields.Dict(
        metadata={"description": "Contributions by the licence that they state; left out if none"}
    )
    reasons = BuiltIn(
        metadata={"description": "Why contributions are left out, in order; absent in old releases"}
    )
    evaluation_sets = fields.List(
        fields.Nested(CheckedSetSchema),
        metadata={"description": "Sets that no row overlaps with; left out if none was checked"},
    )
    statistics = BuiltIn(metadata={"description": "What the release holds; absent in old releases"})
    quality_scores = fields.Dict(
        metadata={
            "description": "Contributions by quality score, from each key up to the next; left out "
            "if none has a score"
        }
    )
    flagged = fields.Dict(
        metadata={
            "description": "Contributions with a turn that a scorer flagged, by category; left out "
            "if there is none"
        }
    )
    examples = fields.Dict(
        metadata={"description": "Contributions that the card quotes, by reason; left out if none"}
    )
    revision = fields.Integer(
        metadata={"description": "2 or more if contributions were taken down; left out until then"}
    )
    taken_down = fields.Integer(
        metadata={"description": "Rows that were taken down so far; left out if none"}
    )
    withdrawn = fields.List(
        fields.String(),
        metadata={"description": "Data files of earlier revisions; left out if none"},
    )

    @post_dump
    def leave_out(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Leave out what `manifest.json` leaves out."""
        return without_defaults(data)


class HubPublicationSchema(Schema):
    """A repository of the Hugging Face Hub that holds a release."""

    repository = fields.String(metadata={"description": "Its name, with that of its owner"})
    url = fields.String()
    access = fields.String(
        metadata={"description": "`public`, or `gated`: its owner grants each reader's request"}
    )
    revision = fields.Integer(metadata={"description": "The revision that it holds"})
    commit_id = fields.String(metadata={"description": "The commit that holds it"})
    published_at = fields.DateTime()


@dataclass(frozen=True, slots=True)
class ReleaseDetails:
    """A release, and where else it is.

    Attributes:
        manifest: The manifest of the release.
        hub: The repositories on the Hub that have the release.
    """

    manifest: Manifest
    hub: Sequence[HubPublication]


class ReleaseDetailsSchema(ReleaseSchema):
    """The manifest of a release, and where else it is."""

    hub = fields.List(
        fields.Nested(HubPublicationSchema),
        metadata={
            "description": "Repositories of the Hugging Face Hub that hold it, and that are not "
            "private; left out if there is none"
        },
    )

    def get_attribute(self, obj: ReleaseDetails, attr: str, default: Any) -> Any:
        """Return a value of the release or of its manifest."""
        return super().get_attribute(obj if attr == "hub" else obj.manifest, attr, default)

    @post_dump
    def leave_out_no_repositories(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Leave out an empty list, as other fields without a value are."""
        return {name: value for name, value in data.items() if name != "hub" or value}


RELEASE_EXAMPLE: Final = {
    "name": "2026-11",
    "stage": "curated",
    "snapshot_id": "5205699861694616229",
    "sequence_number": 3,
    "committed_at": "2026-11-23T08:33:43.249Z",
    "licence": "CC-BY-4.0",
    "rows": 2600,
    "file_count": 1,
    "files": [
        {
            "path": "parquet/train-00000.parquet",
            "rows": 2600,
            "bytes": 62028,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "format": "parquet",
            "split": "train",
        }
    ],
    "schema": {"type": "struct", "fields": []},
    "versions": {"chatlake": "0.1.0", "pyarrow": "25.0.1"},
    "rules": {"cleaning": "1 ftfy 6.3.1", "curating": '1 {"min_words":4}'},
    "stage_snapshots": {"chatlake.curated": "7251049835914301188"},
    "parameters": {
        "formats": ["parquet"],
        "languages": [],
        "min_rating": None,
        "test_percent": 0,
    },
    "splits": {"train": 2600, "test": 0},
    "dropped": {"superseded": 100, "near_duplicate": 300},
    "languages": {"en": 2100, "de": 500},
    "masked": {"email": 17},
    "credited": 12,
    "anonymous": 1900,
    "licences": {"CC0-1.0": 12},
    "evaluation_sets": [
        {
            "name": "humaneval",
            "version": "1.0.3",
            "licence": "MIT",
            "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
            "items": 164,
            "dropped": 2,
        }
    ],
}


RELEASE_DETAILS_EXAMPLE: Final = {
    **RELEASE_EXAMPLE,
    "hub": [
        {
            "repository": "my-org/chats-2026-11",
            "url": "https://huggingface.co/datasets/my-org/chats-2026-11",
            "access": "gated",
            "revision": 1,
            "commit_id": "3f1c6a9e1c0d4f5b8a7e2d3c4b5a697887766554",
            "published_at": "2026-11-24T10:02:11.401Z",
        }
    ],
}


class ReleaseListSchema(Schema):
    """The published releases, by name."""

    releases = fields.List(fields.Nested(ReleaseSchema))
    gated = fields.List(
        fields.String(),
        metadata={
            "description": "Names of the releases that need an API key which the request lacks; "
            "absent without any"
        },
    )
    held_back = fields.List(
        fields.String(),
        metadata={
            "description": "Names of the releases out of which contributions are being taken; "
            "absent without any"
        },
    )


RELEASE_LIST_EXAMPLE: Final = {"releases": [RELEASE_EXAMPLE], "gated": ["2026-12"]}
