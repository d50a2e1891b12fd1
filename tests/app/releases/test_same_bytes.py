"""Releases of rows without optional fields have the bytes that they had before these were known."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from app.releases.manifest import SUMS_FILE
from app.services import Services
from tests.app.releases.factories import PresetStages, files_in, make_recipe, make_row, releases_of
from tests.factories import commit_batch, make_contribution, make_contribution_id

SUMS: Final = json.loads((Path(__file__).parent / "first_releases.json").read_bytes())
"""SHA-256 of the files of each release, as they were built on 2026-11-29, when cards began to tell
what a trainer asks, splits to follow from first prompts, and rows to have more kinds of masks.
Later columns with ids were named anew, credits told contributors of one name apart, and cards told
of two more shares, what is suppressed was called hidden, and manifests told medians.

Those of Parquet hold for the pinned pyarrow, whose version is in the files.
"""
ROWS: Final = 60

_SNAPSHOT_ID: Final = re.compile(rb"\b\d{15,19}\b")
_TIME_OF_COMMIT: Final = re.compile(
    rb"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*(?:Z|\+00:00)"
    rb'|(?<="datePublished": ")\d{4}-\d\d-\d\d'
)


def sums_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file, without random ids and the time and day of the snapshot."""
    sums = {}
    for path, content in files_in(folder).items():
        if path.startswith(("parquet/", "jsonl/train", "jsonl/test")):
            sums[path] = hashlib.sha256(content).hexdigest()
        elif path != SUMS_FILE:
            fixed = _TIME_OF_COMMIT.sub(b"T", _SNAPSHOT_ID.sub(b"1", content))
            sums[path] = hashlib.sha256(fixed).hexdigest()
    return sums


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("raw", {"stage": "raw"}),
        ("cleaned", {"stage": "cleaned"}),
        ("curated", {"stage": "curated", "languages": ("de", "en"), "min_rating": "neutral"}),
        ("lines", {"stage": "curated", "formats": ("jsonl",), "test_percent": 0}),
    ],
)
def test_a_release_without_optional_fields_has_the_bytes_it_always_had(
    services: Services, monkeypatch: pytest.MonkeyPatch, name: str, recipe: dict[str, Any]
) -> None:
    monkeypatch.setattr("app.releases.files.folder.VERSION", "1")
    for module in ("files.folder", "counts.tokens"):
        monkeypatch.setattr(f"app.releases.{module}.version", lambda _program: "1")
    contributions = [
        make_contribution(
            f"question {number} \u00e4\u0000\u2028",
            f"answer {number}" * (number % 7),
            contribution_id=make_contribution_id(number % 3, number),
            source=(None, "app")[number % 2],
            attribution=(None, "Ada", "Grace")[number % 3],
            prompt_template=(None, "%1")[number % 2],
        )
        for number in range(ROWS)
    ]
    rows = [
        make_row(
            number,
            f"question {number}",
            f"answer {number}" * (1 + number % 7),
            *["thanks"][: number % 2],
            day=number % 3,
            language=("en", "de", "fr")[number % 3],
            attribution=(None, "Ada")[number % 2],
            ratings=(None, (None, "positive", "negative")[number % 3]),
        )
        for number in range(ROWS)
    ]
    snapshot = commit_batch(services, *contributions)
    releases = releases_of(services, PresetStages(services.catalog, rows, {"duplicate": 2}))
    releases.build(make_recipe(name, **{"test_percent": 30, **recipe}), snapshot)
    assert sums_of(services.settings.releases / name) == SUMS[name]
