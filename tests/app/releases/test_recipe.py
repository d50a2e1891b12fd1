import pytest

from app.releases.errors import (
    FilterNeedsStage,
    LanguageInvalid,
    QualityScoreInvalid,
    SharedPromptsNeedForm,
)
from tests.app.releases.factories import make_recipe


@pytest.mark.parametrize("language", ["EN", "english", "zz-$$", "", "en\n"])
def test_a_language_that_no_stage_would_name_is_refused(language: str) -> None:
    with pytest.raises(LanguageInvalid):
        make_recipe(stage="curated", languages=(language,)).check()


@pytest.mark.parametrize("language", ["en", "und", "zh-Hant", "haw"])
def test_codes_of_languages_are_taken(language: str) -> None:
    make_recipe(stage="curated", languages=(language,)).check()


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_quality_score_that_no_row_can_have_is_refused(score: float) -> None:
    with pytest.raises(QualityScoreInvalid):
        make_recipe(stage="curated", min_quality_score=score).check()


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_a_quality_score_is_a_filter_and_a_parameter(score: float) -> None:
    recipe = make_recipe(stage="curated", min_quality_score=score)
    recipe.check()
    assert recipe.parameters()["min_quality_score"] == score
    assert "min_quality_score" not in make_recipe(stage="curated").parameters()
    with pytest.raises(FilterNeedsStage):
        make_recipe(min_quality_score=score).check()


def test_only_pairs_have_shared_prompts_and_other_releases_never_name_them() -> None:
    pairs = make_recipe(stage="cleaned", form="preference", shared_prompts=True)
    pairs.check()
    assert pairs.parameters()["shared_prompts"] is True
    assert "shared_prompts" not in make_recipe(stage="cleaned", form="preference").parameters()
    with pytest.raises(SharedPromptsNeedForm):
        make_recipe(stage="cleaned", form="unpaired", shared_prompts=True).check()
