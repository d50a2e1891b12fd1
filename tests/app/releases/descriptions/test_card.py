import re
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from app.releases.manifest import identity_of
from app.releases.service import Releases
from app.services import Services
from app.settings import Settings
from catalog.snapshots import Snapshot
from tests.app.releases.factories import (
    PresetStages,
    make_recipe,
    make_row,
    make_tool_row,
    make_turn,
    releases_of,
)


def front_matter(card: Path) -> dict[str, Any]:
    """Return the metadata of a card, which the Hub reads."""
    _, text, _ = card.read_text().split("---\n", 2)
    read: dict[str, Any] = yaml.safe_load(text)
    return read


@pytest.mark.slow
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
        "| `near_duplicate` | 2 | 4.7 % | whose prompts and answers are each alike those of "
        "another | similarity of 0.7 or more |",
        "| `rating` | 13 | 30.2 % | with worse ratings | less than neutral |",
        "| `en` | 14 | 51.9 % |",
        "| rated positive | 13 |",
        "| `app` | 27 | 100.0 % |",
        "| `test-agent` | 27 | 100.0 % |",
        "| assistant | 27 | ",
        "27 of 27 conversations (100.0 %) are taken by strict chat templates",
        "Nothing was moderated",
        "overlap with sets of evaluations were not left out",
        "answered none of the questions",
        "| `email` | 0 |",
        "- `min_rating`: neutral",
        'load_dataset("path/to/first")',
        'load_dataset("path/to/first/jsonl")',
    ):
        assert line in text


@pytest.mark.slow
def test_a_card_names_a_licence_as_the_hub_does(
    releases_folder: Path, releases: Releases, snapshot: Snapshot
) -> None:
    licences = (
        ("CC0-1.0", "cc0-1.0", None),
        ("ODC-By-1.0", "odc-by", None),
        ("unknown", "unknown", None),
        ("LicenseRef-ours", "other", "LicenseRef-ours"),
        ("<b>[x](http://evil)", "other", "<b>[x](http://evil)"),
        ("a | `b` &lt; \\| *c*", "other", "a | `b` &lt; \\| *c*"),
    )
    for number, (licence, license_, name) in enumerate(licences):
        releases.build(make_recipe(f"release-{number}", licence=licence), snapshot)
        card = releases_folder / f"release-{number}" / "README.md"
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


HOSTILE = "<b>x</b> | `y` [z](http://evil.example)\n\n# head \u202e"


def tables_in(card: Path) -> list[tuple[list[str], list[list[str]]]]:
    """Return the cells of the head and of the rows of each table of a card, as HTML."""
    _, _, text = card.read_text().split("---\n", 2)
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    tables = re.findall("(?s)<table>(.*?)</table>", page)
    rows_of_tables = [re.findall("(?s)<tr>(.*?)</tr>", table) for table in tables]
    return [
        (re.findall("<th>(.*?)</th>", head), [re.findall("<td>(.*?)</td>", row) for row in rows])
        for head, *rows in rows_of_tables
    ]


@pytest.mark.slow
def test_hostile_names_stay_in_the_cells_of_their_tables(
    services: Services, releases_folder: Path, snapshot: Snapshot
) -> None:
    turns = [make_turn("user", "Hi"), make_turn("assistant", "Ho", model=HOSTILE)]
    chosen: dict[str, Any] = {"source": HOSTILE, "agent_id": "a" * 500, "licence": HOSTILE}
    rows = [make_row(number, conversation=turns, **chosen) for number in range(3)]
    releases_of(services, PresetStages(services.catalog, rows)).build(
        make_recipe(stage="curated"), snapshot
    )
    card = releases_folder / "first" / "README.md"
    assert "<b>" not in card.read_text().split("---\n", 2)[2]
    assert "\u202e" not in card.read_text()
    assert "\n# head" not in card.read_text()
    tables = tables_in(card)
    assert len(tables) >= 12
    for head, cells in tables:
        assert {len(row) for row in cells} <= {len(head)}, head
    by_head = {head[0]: cells for head, cells in tables}
    shown = escape("<b>x</b> | `y` [z](http://evil.example) # head")
    assert by_head["source"] == [[shown, "3", "100.0 %"]]
    assert by_head["model"] == [[shown, "3", "100.0 %"]]
    assert by_head["licence"] == [[shown, "3", "100.0 %"]]
    assert by_head["agent"] == [["a" * 200 + "…", "3", "100.0 %"]]


@pytest.mark.slow
def test_a_card_shows_how_quality_scores_are_distributed_and_which_rows_have_none(
    services: Services, releases_folder: Path, snapshot: Snapshot
) -> None:
    scores = [0.25, 0.31, 0.38, 0.97, None, None]
    rows = [make_row(number, quality_score=score) for number, score in enumerate(scores)]
    releases = releases_of(services, PresetStages(services.catalog, rows))
    manifest = releases.build(make_recipe(stage="curated", min_quality_score=0.3), snapshot)
    assert manifest.quality_scores == {"0.3": 2, "0.9": 1}
    assert manifest.dropped == {"quality_score": 1}
    text = (releases_folder / "first" / "README.md").read_text()
    assert "3 of 5 conversations (60.0 %) have a `quality_score`" in text
    assert "| score | conversations | share |\n| --- | --- | --- |\n| from 0.3 | 2 |" in text
    left_out = r"| `quality_score` | 1 | 16.7 % | with a lower quality score | less than 0\.3 |"
    assert left_out in text
    assert "- `min_quality_score`: 0.3" in text


@pytest.mark.slow
def test_a_card_of_rows_without_quality_scores_does_not_tell_of_them(
    services: Services, releases_folder: Path, snapshot: Snapshot
) -> None:
    releases = releases_of(services, PresetStages(services.catalog, [make_row(0)]))
    releases.build(make_recipe(stage="curated"), snapshot)
    for name in ("README.md", "manifest.json", "jsonl/train-00000.jsonl"):
        assert "quality_score" not in (releases_folder / "first" / name).read_text()


@pytest.mark.slow
def test_a_card_names_the_most_frequent_values_and_counts_the_others(
    services: Services, releases_folder: Path, snapshot: Snapshot
) -> None:
    rows = [make_row(number, source=f"source {number:02}") for number in range(25)]
    releases = releases_of(services, PresetStages(services.catalog, rows))
    manifest = releases.build(make_recipe(stage="curated"), snapshot)
    assert manifest.statistics is not None
    assert len(manifest.statistics.sources.counts) == 20
    text = (releases_folder / "first" / "README.md").read_text()
    assert "| `source 19` | 1 | 4.0 % |\n| 5 others | 5 | 20.0 % |\n" in text
    assert "source 20" not in text


@pytest.mark.slow
def test_reasons_are_listed_in_the_order_of_the_rules_also_those_without_a_row(
    releases_folder: Path, releases: Releases, snapshot: Snapshot
) -> None:
    manifest = releases.build(make_recipe(stage="curated", languages=("en",)), snapshot)
    (cells,) = [
        cells
        for head, cells in tables_in(releases_folder / "first" / "README.md")
        if head[0] == "reason" and "threshold" in head
    ]
    names = [row[0].removeprefix("<code>").removesuffix("</code>") for row in cells]
    assert names == [each.reason for each in manifest.reasons]
    assert names[:2] == ["superseded", "hidden"]
    assert names[-1] == "language"
    assert names.index("refusal") < names.index("duplicate") < names.index("contributor_share")
    assert list(manifest.dropped) == ["superseded", "near_duplicate", "language"]
    assert sum(int(row[1]) for row in cells) == sum(manifest.dropped.values())


@pytest.mark.slow
def test_a_raw_card_says_what_its_rows_are_not(
    releases_folder: Path, releases: Releases, snapshot: Snapshot
) -> None:
    manifest = releases.build(make_recipe(), snapshot)
    assert [each.reason for each in manifest.reasons] == ["hidden"]
    text = (releases_folder / "first" / "README.md").read_text()
    assert "Nothing was masked" in text
    assert "### Chat templates" not in text
    assert "### Languages" not in text


@pytest.mark.slow
def test_a_card_shows_the_answers_of_the_datasheet(
    services: Services, releases_folder: Path, snapshot: Snapshot, tmp_path: Path
) -> None:
    path = tmp_path / "datasheet.md"
    path.write_text("## What it is for\n### What must it not be used for?\nFor **spam**.\n")
    settings = Settings.at(services.settings.home, datasheet=path)
    releases = Services(settings).publishing.releases
    releases.build(make_recipe(), snapshot)
    text = (releases_folder / "first" / "README.md").read_text()
    assert text.endswith(
        "## Datasheet\nThe operator of the lake answers:\n\n### What it is for\n\n"
        "**What must it not be used for?**\n\nFor **spam**.\n"
    )


@pytest.mark.slow
def test_a_card_of_pairs_counts_their_messages_and_names_no_column_that_they_lack(
    services: Services, releases_folder: Path, snapshot: Snapshot
) -> None:
    rows = [make_tool_row(number, irregular=["ends_with_user"]) for number in range(3)]
    releases = releases_of(services, PresetStages(services.catalog, rows))
    releases.build(make_recipe(stage="curated", form="preference"), snapshot)
    text = (releases_folder / "first" / "README.md").read_text()
    assert "Of the pairs, a prompt and each of its answers:" in text
    assert "| assistant | 9 | " in text
    assert "| `ends_with_user` | 3 |" in text
    assert "column `irregular`" not in text
    assert "| `no_preference` | 0 | 0.0 % | that tell no preference |" in text
