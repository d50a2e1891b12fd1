from typing import Any, Final

import pytest

from app.curation.rules.curating.prompts import prompt_hash
from app.services import Services
from tests.app.releases.factories import make_recipe, read_release
from tests.factories import commit_batch, make_received

ASKED: Final = "Could you please tell me why the water of the old harbour tastes of salt"
GREETINGS: Final = ("Hello", "Hi", "Good day", "Good morning", "Hello there", "Dear sir", "Ahoy")


def in_test(prompt: str) -> bool:
    """Tell whether a prompt is in the half of all prompts that is for tests."""
    return (prompt_hash(prompt) >> 32) % 2**32 % 100 < 50


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["cleaned", "curated"])
def test_prompts_that_are_alike_are_in_the_same_split(services: Services, stage: Any) -> None:
    greeted = (f"{greeting}, {ASKED}" for greeting in GREETINGS)
    alike = next(prompt for prompt in greeted if in_test(prompt) != in_test(ASKED))
    snapshot = commit_batch(
        services,
        make_received(0, ASKED, "Because rivers carry salt from the rocks into the sea."),
        make_received(
            1, alike, "Water that rises as vapour leaves its minerals behind in the ocean."
        ),
        make_received(1, "What is a quay?", "A wall of stone beside which ships lie."),
    )

    manifest = services.publishing.releases.build(
        make_recipe(stage=stage, test_percent=50), snapshot
    )

    rows = read_release(services.settings.releases / "first", manifest).to_pylist()
    assert [row["prompt_group"] for row in rows] == [None, prompt_hash(ASKED), None]
    split = "test" if in_test(ASKED) else "train"
    assert manifest.splits[split] == 2 + (in_test("What is a quay?") == in_test(ASKED))
