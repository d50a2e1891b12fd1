import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from app.releases.manifest import identity_of
from app.releases.service import Releases
from app.services import Services
from catalog.snapshots import Snapshot
from tests.app.releases.factories import make_recipe


def front_matter(card: Path) -> dict[str, Any]:
    """Return the metadata of a card, which the Hub reads."""
    _, text, _ = card.read_text().split("---\n", 2)
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def test_the_card_has_metadata_for_the_hub_and_text_for_people(
    releases_folder: Path, releases: Releases, snapshot: Snapshot
) -> None:
    manifest = releases.build(make_recipe(stage="curated", min_rating="neutral"), snapshot)
    card = releases_folder / "first" / "README.md"
    read = front_matter(card)
    assert read["license"] == "cc-by-4.0"
    assert read["language"] == ["de", "en", "fr"]
    assert read["size_categories"] == ["n<1K"]
    assert read["task_categories"] == ["text-generation"]
    (config,) = read["configs"]
    assert config["config_name"] == identity_of(manifest)
    assert config["default"] is True
    assert config["data_files"] == [
        {"split": "train", "path": "parquet/train-*.parquet"},
        {"split": "test", "path": "parquet/test-*.parquet"},
    ]
    text = card.read_text()
    for line in (
        f"| conversations | {manifest.rows} |",
        f"| snapshot of the lake | {snapshot.snapshot_id}, committed ",
        f"The lake held {manifest.rows + sum(manifest.dropped.values())} contributions; "
        f"{manifest.rows} are in this release.",
        "| `near_duplicate` | 2 |",
        "| `rating` | 13 |",
        "| `email` | 0 |",
        "- `min_rating`: neutral",
        'load_dataset("path/to/first")',
        'load_dataset("path/to/first/jsonl")',
    ):
        assert line in text


@pytest.mark.parametrize(
    ("release", "licence", "license_", "name"),
    [
        ("free", "CC0-1.0", "cc0-1.0", None),
        ("by", "ODC-By-1.0", "odc-by", None),
        ("unknown", "unknown", "unknown", None),
        ("ours", "LicenseRef-ours", "other", "LicenseRef-ours"),
        ("html", "<b>[x](http://evil)", "other", "<b>[x](http://evil)"),
        ("markdown", "a | `b` &lt; \\| *c*", "other", "a | `b` &lt; \\| *c*"),
    ],
)
def test_a_card_names_a_licence_as_the_hub_does(
    shared_services: Services,
    shared_releases: Releases,
    shared_snapshot: Snapshot,
    release: str,
    licence: str,
    license_: str,
    name: str | None,
) -> None:
    shared_releases.build(make_recipe(release, licence=licence), shared_snapshot)
    card = shared_services.settings.releases / release / "README.md"
    read = front_matter(card)
    assert (read["license"], read.get("license_name")) == (license_, name)
    _, _, text = card.read_text().split("---\n", 2)
    assert "<b>" not in text
    assert "[x]" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| licence |")]
    shown = MarkdownIt("commonmark", {"html": True}).renderInline(row)
    assert unescape(re.sub("</?code>", "", shown)) == f"| licence | {licence} |"


def test_the_card_of_a_release_of_json_lines_alone_is_in_its_main_folder(
    releases_folder: Path, releases: Releases, snapshot: Snapshot
) -> None:
    manifest = releases.build(make_recipe(formats=("jsonl",)), snapshot)
    assert {file.format for file in manifest.files} == {"jsonl"}
    (config,) = front_matter(releases_folder / "first" / "README.md")["configs"]
    assert {each["path"] for each in config["data_files"]} <= {
        "jsonl/train-*.jsonl",
        "jsonl/test-*.jsonl",
    }
    assert not (releases_folder / "first" / "jsonl" / "README.md").exists()
