# texts in many scripts are what this is about
import json
import math

import pytest

from app.curation.rules.cleaning.language import languages
from app.curation.rules.cleaning.second_opinion import (
    WEIGHTS_FILE,
    Disagreement,
    disagreement,
    log_odds,
    second_opinion,
)
from tests.app.curation.rules.cleaning.batches import texts

WEIGHTS = {
    "bias": 0,
    "score": -1024,
    "margin": 512,
    "cld2": {"en": 1024},
    "py3langid": {"sv": 2048},
}


def test_odds_grow_with_the_margin_and_fall_with_the_score() -> None:
    assert log_odds(Disagreement("en", "sv", score=1.0, margin=2.0), WEIGHTS) == 3.0
    assert log_odds(Disagreement("en", "sv", score=2.0, margin=2.0), WEIGHTS) == 2.0
    assert log_odds(Disagreement("en", "sv", score=1.0, margin=4.0), WEIGHTS) == 4.0
    assert log_odds(Disagreement("nl", "sv", score=1.0, margin=2.0), WEIGHTS) == 2.0


def test_a_language_without_a_weight_is_not_taken_from_py3langid() -> None:
    assert log_odds(Disagreement("en", "wa", score=0.0, margin=9.0), WEIGHTS) == -math.inf


def test_the_weights_are_whole_numbers() -> None:
    weights = json.loads(WEIGHTS_FILE.read_bytes())
    of_languages = [*weights["cld2"].values(), *weights["py3langid"].values()]
    numbers = [weights["bias"], weights["score"], weights["margin"], *of_languages]

    assert all(isinstance(number, int) for number in numbers)


def test_detectors_that_agree_leave_nothing_to_decide() -> None:
    assert disagreement("Comment installer le programme ?", 25, "fr", 900.0) is None


def test_a_high_score_leaves_nothing_to_decide() -> None:
    assert disagreement("Comment installer le programme ?", 25, "sv", 1000.0) is None


def test_the_model_sees_the_score_and_a_limited_margin() -> None:
    found = disagreement("Comment installer le programme ?", 25, "sv", 900.0)

    assert found is not None
    assert (found.other, found.score) == ("fr", 1.8)
    assert 0 < found.margin <= 60 / 5


def test_a_script_of_its_own_is_not_doubted_where_py3langid_does_not_know_it() -> None:
    assert disagreement("އަހަރެން ދިވެހި ބަހުން ވާހަކަ ދައްކަން", 60, "dv", 900.0) is None


@pytest.mark.parametrize(
    ("taken_for", "code", "text"),
    [
        ("no", "nn", "Eg har ikkje sett boka di."),
        ("da", "sv", "Jag läser en bok i kväll."),
        ("hr", "sr", "Uvek imamo vreme posle ručka."),
        ("id", "ms", "Kereta itu boleh berhenti kerana hujan."),
        ("ms", "id", "Kami bisa pulang karena hujan reda."),
        ("nl", "af", "Ek het nie die boek gelees nie."),
        ("gl", "pt", "As crianças não dormem à tarde."),
        ("bg", "mk", "Сите деца седат во ќош."),
        ("ru", "os", "Ӕз цӕуын скъоламӕ райсомӕй."),
    ],
)
def test_words_and_letters_of_one_neighbour_correct_the_other(
    taken_for: str, code: str, text: str
) -> None:
    # CLD2's score is so high that the model leaves its answer.
    assert second_opinion(text, 150, taken_for, 1500.0) == code


@pytest.mark.parametrize("text", ["я родился в марте", "Именно так и ходят амурские тигры."])
def test_plain_russian_that_cld2_does_not_name_is_russian(text: str) -> None:
    code, confidence = languages(texts(text))

    assert (code[0].as_py(), confidence[0].as_py()) == ("ru", 0.5)


def test_a_text_in_latin_letters_that_cld2_does_not_name_stays_undetermined() -> None:
    assert second_opinion("xqzt vbrpl wqxk jjfd", 17, None, 0.0) is None


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("fr", "mot de passe perdu"),
        ("it", "la mia parola segreta"),
        ("sv", "Markera en rad till"),
        ("ru", "я родился в марте"),
    ],
)
def test_a_few_words_that_cld2_scores_low_are_told(code: str, text: str) -> None:
    assert languages(texts(text))[0][0].as_py() == code
