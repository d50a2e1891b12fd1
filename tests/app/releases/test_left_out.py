import pytest

from app.curation.rules.interface import Reason
from app.releases.left_out import LeftOut, in_order, reasons_of
from tests.app.releases.factories import make_recipe

REFUSAL = Reason(
    name="refusal", stage="curated", left_out="that refuse", threshold="above 0.5", example="No."
)
LOOP = Reason(name="loop", stage="curated", left_out="in a loop")


def test_filters_and_missing_preferences_come_after_the_reasons_of_the_stage() -> None:
    recipe = make_recipe(
        stage="curated",
        form="preference",
        languages=("de", "en"),
        min_rating="neutral",
        min_quality_score=0.5,
        licences=("MIT",),
        models=("m-1",),
        has_tools=True,
        alternating=True,
    )
    found = reasons_of(recipe, [REFUSAL, LOOP], {})
    assert [each.reason for each in found] == [
        *("refusal", "loop", "language", "rating", "quality_score", "licence", "model", "tools"),
        "alternating",
        "no_preference",
    ]
    assert found[0] == LeftOut("refusal", "curated", "that refuse", "above 0.5", "No.")
    assert found[2] == LeftOut("language", "release", "in another language", "not de, en")


def test_an_example_from_the_lake_takes_the_place_of_the_made_up_one() -> None:
    found = reasons_of(make_recipe(stage="curated"), [REFUSAL, LOOP], {"refusal": "Never."})
    assert [(each.example, each.is_example_real) for each in found] == [
        ("Never.", True),
        (None, False),
    ]


def test_counts_are_in_the_order_of_the_reasons_and_unknown_ones_last() -> None:
    reasons = reasons_of(make_recipe(stage="curated"), [REFUSAL, LOOP], {})
    counts = in_order({"new": 1, "loop": 2, "refusal": 3}, reasons)
    assert list(counts.items()) == [("refusal", 3), ("loop", 2), ("new", 1)]


@pytest.mark.parametrize("has_tools", [True, False])
def test_a_filter_that_is_not_set_is_no_reason(has_tools: bool) -> None:
    (reason,) = reasons_of(make_recipe(stage="curated", has_tools=has_tools), [], {})
    assert reason.left_out == ("without tools" if has_tools else "with tools")
