import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.scorers.toxicity import FLAGGED_ABOVE, Toxicity

INSULTS = (
    "You are a stupid, worthless idiot",
    "Du bist ein dummes Schwein, halt die Fresse",
    "你这个白痴真恶心滚出去",
    "Eres una puta idiota, me das asco",
)
KIND = (
    "Could you tell me how tides are made?",
    "Wie wird das Wetter morgen in Hamburg?",
    "请告诉我怎么学习数学",
    "¿Cómo se hace una tortilla de patatas?",
    "",
)
FILLER = "The tides are made by the pull of the moon and, less, by that of the sun. "


def scores(*texts: str) -> list[float]:
    return [said.scores["toxicity"] for said in Toxicity().score(texts)]


def test_insults_have_higher_scores_than_questions() -> None:
    assert min(scores(*INSULTS)) > 0.5 > max(scores(*KIND))


def test_what_is_over_the_threshold_is_flagged() -> None:
    for said in Toxicity().score([*INSULTS, *KIND]):
        assert ("toxicity" in said.flags) == (said.scores["toxicity"] > FLAGGED_ABOVE)


@pytest.mark.parametrize("characters", [0, 1, 30, 31, 32, 33, 63, 64, 65, 200, 3000])
def test_insults_are_found_wherever_they_stand_in_a_long_text(characters: int) -> None:
    insults = f"{INSULTS[0]}. You are worthless, you stupid idiot. {INSULTS[0]}"
    before, after = (FILLER * 50)[:characters], FILLER * 50
    found = scores(insults, f"{before} {insults} {after}", f"{before} {insults}", before + after)
    assert min(found[:3]) > 0.5 > found[3]


@pytest.mark.parametrize("text", [*INSULTS, *KIND])
def test_case_links_names_and_white_space_make_no_difference(text: str) -> None:
    odd = f"  {text.upper()} \t\n@somebody https://example.org/x?y=1 "
    assert scores(odd) == scores(text)


@given(st.lists(st.text(max_size=600), max_size=6))
def test_the_score_of_a_text_is_the_same_whatever_else_is_scored(texts: list[str]) -> None:
    together = scores(*texts)
    assert together == [scores(text)[0] for text in texts]
    assert all(0 <= score <= 1 for score in together)
