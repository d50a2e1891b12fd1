"""Releases of rows that scorers were asked about."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskCliRunner

from app.curation.pipeline.stages import StageBuild
from app.curation.rules.interface import SCORES_BY
from app.releases.errors import FilterNeedsStage
from app.releases.recipe import Flagged
from app.services import Services
from catalog.snapshots import Snapshot
from tests.app.releases.factories import PresetStages, make_recipe, make_row, releases_of

SCORES = [{"scorer": "toxicity", "version": "1", "category": "toxicity", "score": 0.97}]
FLAGS = [{"turn": 0, "category": "hate"}, {"turn": 0, "category": "toxicity"}]
TOXIC = [{"turn": turn, "category": "toxicity"} for turn in (0, 1)]
ROWS = [
    make_row(0, scores=[{**SCORES[0], "score": 0.1}]),
    make_row(1, scores=SCORES, flags=FLAGS),
    make_row(2, scores=SCORES, flags=TOXIC),
]


@dataclass
class ScoredStages(PresetStages):
    """Stages whose rules asked a scorer."""

    def build(self, *arguments: Any, **options: Any) -> StageBuild:
        """Return the build, with the version of a scorer."""
        built = super().build(*arguments, **options)
        rules = {**built.rules, "cleaning": f"6 {SCORES_BY} toxicity 1"}
        return replace(built, rules=rules)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flagged", "kept", "counts"),
    [
        ("keep", [0, 1, 2], {"toxicity": 2, "hate": 1}),
        ("drop", [0], {}),
        ("only", [1, 2], {"toxicity": 2, "hate": 1}),
    ],
)
def test_flagged_conversations_are_kept_dropped_or_alone_kept_and_counted(
    services: Services,
    releases_folder: Path,
    snapshot: Snapshot,
    flagged: Flagged,
    kept: list[int],
    counts: dict[str, int],
) -> None:
    releases = releases_of(services, ScoredStages(services.catalog, ROWS))
    manifest = releases.build(
        make_recipe(stage="curated", flagged=flagged, test_percent=0), snapshot
    )
    folder = releases_folder / "first"
    lines = (folder / "jsonl/train-00000.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    ids = [row["contribution_id"] for row in rows]
    assert ids == [ROWS[number]["contribution_id"] for number in kept]
    assert manifest.flagged == counts
    dropped = {} if flagged == "keep" else {"flagged": 3 - len(kept)}
    assert manifest.dropped == dropped
    assert manifest.parameters.get("flagged") == (None if flagged == "keep" else flagged)
    card = (folder / "README.md").read_text()
    assert "### Flags" in card
    if counts:
        assert rows[-2]["flags"] == FLAGS
        assert "| `toxicity` | 2 |" in card
        table = pq.read_table(folder / "parquet/train-00000.parquet")
        assert table["flags"].to_pylist()[-2:] == [FLAGS, TOXIC]
        assert table["scores"].to_pylist()[-1] == SCORES
        assert "list of {turn, category}" in card
    else:
        assert "No turn is flagged." in card


@pytest.mark.slow
def test_a_card_of_rows_that_no_scorer_was_asked_about_tells_nothing_of_flags(
    services: Services, releases_folder: Path, snapshot: Snapshot
) -> None:
    releases_of(services, PresetStages(services.catalog, [make_row(0)])).build(
        make_recipe(stage="curated"), snapshot
    )
    for name in ("README.md", "manifest.json", "jsonl/train-00000.jsonl"):
        assert "flag" not in (releases_folder / "first" / name).read_text()


@pytest.mark.slow
def test_the_order_of_commits_is_in_no_release_of_cleaned(
    services: Services, releases_folder: Path, snapshot: Snapshot
) -> None:
    row = make_row(0, sequence_number=7)
    releases = releases_of(services, PresetStages(services.catalog, [row]))
    releases.build(make_recipe(stage="cleaned", test_percent=0), snapshot)
    (line,) = (releases_folder / "first/jsonl/train-00000.jsonl").read_text().splitlines()
    assert "sequence_number" not in json.loads(line)


def test_a_raw_release_has_no_flags_to_filter_by(runner: FlaskCliRunner) -> None:
    with pytest.raises(FilterNeedsStage):
        make_recipe(flagged="drop").check()
    result = runner.invoke(args=["release", "build", "x", "--stage", "raw", "--flagged", "some"])
    assert "'some' is not one of 'keep', 'drop', 'only'" in result.output
