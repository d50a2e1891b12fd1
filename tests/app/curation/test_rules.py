"""The pipeline with the rules of the service."""

import pytest

from app.services import Services
from catalog.records import Turn
from catalog.stage_tables import stage_rows
from catalog.stages import COMPUTED_STAGES
from catalog.table import load_table
from tests.batches import scan_in_batches
from tests.factories import commit_batch, make_received

QUESTION = "Could you please tell me how the tides of the sea are made, and why two a day?"
ANSWER = (
    "The moon pulls at the water that is nearest to it more than at the earth, and at the earth "
    "more than at the water behind it, so that there are two bulges that the earth turns under."
)

pytestmark = pytest.mark.usefixtures("one_process")


@pytest.mark.slow
@pytest.mark.both
def test_a_conversation_is_masked_and_its_near_duplicate_left_out(services: Services) -> None:
    kept = make_received(0, QUESTION, f"{ANSWER} Write to ada@example.org if it is not clear.")
    near = make_received(1, QUESTION, f"{ANSWER} Write to bob@example.org if it is not clear!")
    bad = make_received(
        0, conversation=(Turn(QUESTION, "user"), Turn("No " + ANSWER, "assistant", "negative"))
    )
    snapshot = commit_batch(services, kept, near, bad, make_received(1, "Hi", " "))
    built = services.stages().build("curated", snapshot)
    assert built.rows == 1
    assert built.rows + sum(built.dropped.values()) == 4
    assert built.rules["cleaning"].startswith("1 ftfy ")
    assert '"min_jaccard":0.7' in built.rules["curating"]
    assert built.dropped["no_exchange"] == built.dropped["rated_negative"] == 1
    table = load_table(services.catalog, COMPUTED_STAGES["curated"].rows)
    (batch,) = stage_rows(table, built.snapshot_id)
    (row,) = batch.to_pylist()
    assert row["contribution_id"] == kept.contribution_id
    assert row["language"] == "en"
    assert row["masked"]["email"] == 1
    assert "ada@example.org" not in str(row)


@pytest.mark.parametrize("unlike", [0, 1, 2, 3])
def test_near_duplicates_are_found_among_any_number_of_rows_that_are_none(
    services: Services, monkeypatch: pytest.MonkeyPatch, unlike: int
) -> None:
    """Also where a scan meets batches of rows of which none may be a near duplicate."""
    scan_in_batches(monkeypatch, 2)
    near = [make_received(0, QUESTION, f"{ANSWER}{end}") for end in ("", " So.")]
    others = [
        make_received(0, " ".join(f"q{row}x{word}" for word in range(9)), "It is not known.")
        for row in range(unlike)
    ]
    snapshot = commit_batch(services, *near, *others)
    built = services.stages().build("curated", snapshot)
    assert (built.rows, dict(built.dropped)) == (1 + unlike, {"near_duplicate": 1})


def test_a_lake_of_nothing_but_an_empty_conversation_is_curated_to_nothing(
    services: Services,
) -> None:
    snapshot = commit_batch(services, make_received(0, " ", " "))
    built = services.stages().build("curated", snapshot)
    assert (built.rows, dict(built.dropped)) == (0, {"empty": 1})
