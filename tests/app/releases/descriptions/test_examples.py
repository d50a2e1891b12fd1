from typing import Any

import pyarrow as pa
import pytest

from app.releases.credits import MAX_NAME_CHARS
from app.releases.descriptions.examples import find_examples
from app.releases.errors import ExamplesNeedStage
from app.releases.service import Releases
from app.services import Services
from catalog.snapshots import Snapshot
from catalog.stages.tables import COMPUTED_STAGES, DROPPED_ARROW_SCHEMA, MASK_KINDS, Stage
from catalog.table import load_table
from tests.app.releases.factories import PresetStages, make_recipe, make_row, releases_of

MASKED = {**dict.fromkeys(MASK_KINDS, 0), "email": 1}
CLEANED = [
    make_row(1, "Who am I? <EMAIL>", "I can't say.", masked=MASKED),
    make_row(2, "Who | am\nI?", "I can't\u202e say.", day=1),
    make_row(3, "Who are you?", "I can't say.", day=2),
    make_row(4, "Say it again.", "again " * 100),
    make_row(5, "My address is <EMAIL>", "ok", masked=MASKED),
    make_row(6, "A question of a test", "its answer"),
]
REASONS = {
    1: "refusal",
    2: "refusal",
    3: "refusal",
    4: "repetition",
    5: "too_few_words",
    6: "contaminated",
}


def dropped_row(row: dict[str, Any], reason: str) -> dict[str, Any]:
    """Return the record of a row that a stage left out."""
    return {name: row[name] for name in ("contribution_id", "received_at")} | {"reason": reason}


@pytest.fixture
def releases(services: Services, snapshot: Snapshot) -> Releases:
    """The releases of a lake whose stage `curated` left out rows of `cleaned`."""
    stages = PresetStages(services.catalog, CLEANED)
    stages.build("curated", snapshot)
    table = load_table(services.catalog, COMPUTED_STAGES["curated"].dropped)
    rows = [dropped_row(CLEANED[number - 1], reason) for number, reason in REASONS.items()]
    made = pa.Table.from_pylist(rows, DROPPED_ARROW_SCHEMA)
    current = table.current_snapshot()
    assert current is not None
    assert current.summary is not None
    table.append(made, snapshot_properties=current.summary.additional_properties)
    return releases_of(services, stages)


@pytest.mark.slow
def test_the_example_is_the_first_row_in_which_nothing_was_masked_or_contaminated(
    services: Services, releases: Releases, snapshot: Snapshot
) -> None:
    manifest = releases.build(make_recipe(stage="curated", has_examples=True), snapshot)
    shown = {each.reason: each.example for each in manifest.reasons if each.is_example_real}
    assert shown == {
        "refusal": "user: Who | am I? assistant: I can't say.",
        "repetition": f"user: Say it again. assistant: {'again ' * 100}"[:MAX_NAME_CHARS],
    }
    card = (services.settings.releases / "first" / "README.md").read_text()
    assert "Who \\| am I\\? assistant\\: I can\\'t say\\. |" in card
    assert "The examples of `refusal`, `repetition` are the beginnings of contributions" in card
    assert manifest.parameters["has_examples"] is True


@pytest.mark.slow
def test_without_the_option_no_left_out_text_is_in_the_release(
    services: Services, releases: Releases, snapshot: Snapshot
) -> None:
    manifest = releases.build(make_recipe(stage="curated"), snapshot)
    assert not any(each.is_example_real for each in manifest.reasons)
    assert "has_examples" not in manifest.parameters
    card = (services.settings.releases / "first" / "README.md").read_text()
    assert "The examples are made up: what was left out isn't published." in card


@pytest.mark.parametrize("stage", ["raw", "cleaned"])
def test_a_stage_before_curated_has_no_examples(
    releases: Releases, snapshot: Snapshot, stage: Stage
) -> None:
    with pytest.raises(ExamplesNeedStage):
        releases.build(make_recipe(stage=stage, has_examples=True), snapshot)


def test_tables_of_another_stage_have_no_examples() -> None:
    assert find_examples([]) == {}
