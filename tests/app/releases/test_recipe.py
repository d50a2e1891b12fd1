import pytest

from app.releases.errors import LanguageInvalid
from tests.app.releases.factories import make_recipe


@pytest.mark.parametrize("language", ["EN", "english", "zz-$$", "", "en\n"])
def test_a_language_that_no_stage_would_name_is_refused(language: str) -> None:
    with pytest.raises(LanguageInvalid):
        make_recipe(stage="curated", languages=(language,)).check()


@pytest.mark.parametrize("language", ["en", "und", "zh-Hant", "haw"])
def test_codes_of_languages_are_taken(language: str) -> None:
    make_recipe(stage="curated", languages=(language,)).check()
