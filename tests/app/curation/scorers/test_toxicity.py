from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.scorers.toxicity import FLAGGED_ABOVE, WINDOW_CHARACTERS, Toxicity

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


def test_an_insult_counts_about_as_much_in_a_long_text() -> None:
    alone, within = scores(INSULTS[0], FILLER * 40 + INSULTS[0] + ". " + FILLER * 40)
    assert within > 0.5
    assert alone >= within > scores(FILLER * 80)[0]


@pytest.mark.parametrize("text", [*INSULTS, *KIND])
def test_case_links_names_and_white_space_make_no_difference(text: str) -> None:
    odd = f"  {text.upper()} \t\n@somebody https://example.org/x?y=1 "
    assert scores(odd) == scores(text)


@given(st.lists(st.text(max_size=600), max_size=6))
def test_the_score_of_a_text_is_the_same_whatever_else_is_scored(texts: list[str]) -> None:
    together = scores(*texts)
    assert together == [scores(text)[0] for text in texts]
    assert all(0 <= score <= 1 for score in together)


def test_texts_at_the_length_of_windows_are_scored() -> None:
    lengths = [WINDOW_CHARACTERS * part // 2 + more for part in (1, 2, 3, 4) for more in (-1, 0, 1)]
    found = scores(*("x" * length for length in lengths))
    assert all(abs(one - other) < 0.01 for one, other in pairwise(found[3:]))
