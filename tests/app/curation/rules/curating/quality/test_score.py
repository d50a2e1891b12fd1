# ruff: noqa: RUF001 - punctuation of Chinese is meant
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from app.curation.rules.curating.linear_weights import WEIGHT_UNITS, read_weights
from app.curation.rules.curating.quality.features import (
    FEATURE_UNITS,
    FEATURES,
    quality_features,
)
from app.curation.rules.curating.quality.score import (
    LANGUAGES,
    MIN_WORDS,
    WEIGHTS_FILE,
    quality_scores,
)
from app.curation.rules.curating.words import turns_of, words_of
from catalog.stages.tables import COMPUTED_STAGES
from tests.app.curation.rules.curating.making import Conversation, column, turns

QUESTION = "Why does bread rise in the oven?"
GOOD = (
    "Bread rises because yeast ferments sugars and releases carbon dioxide:\n"
    "1. Gluten traps the gas in bubbles.\n"
    "2. Heat expands these bubbles during the first 10 minutes.\n"
    "3. Starch sets near 80 degrees, which fixes the structure."
)
BAD = (
    "Sure! I think that maybe you could ask my friend, but I might be wrong! Do you like bread? "
    "I like it! What do you want me to say? Perhaps I can tell you more!"
)
CHINESE_GOOD = (
    "面包膨胀的原因如下：\n1. 酵母发酵糖分并释放二氧化碳。\n2. 面筋网络锁住气泡。\n"
    "3. 烤箱前10分钟的高温使气泡继续膨胀。"
)
CHINESE_BAD = "当然！我觉得你可能想知道面包，但我不确定！你喜欢面包吗？你想要我说什么呢？"


def scores_of(*conversations: Conversation, language: str = "en") -> list[Any]:
    """Return the scores of conversations in one language."""
    languages = pa.array([language] * len(conversations), pa.large_string())
    found: list[Any] = quality_scores(turns_of(column(*conversations)), languages).to_pylist()
    return found


def test_weights_are_of_the_features_and_languages() -> None:
    weights = read_weights(WEIGHTS_FILE)
    assert len(weights["features"]) == len(FEATURES)
    assert len(weights["averages"]) == len(LANGUAGES)


@pytest.mark.parametrize("answer", [GOOD, BAD])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_score_is_the_chance_against_the_average_of_the_language(
    language: str, answer: str
) -> None:
    texts = pa.array([answer, QUESTION], pa.large_string())
    words = words_of(texts)
    first, second = (words.take(np.array([place])) for place in (0, 1))
    (seen,) = quality_features(texts[:1], first, texts[1:], second) / FEATURE_UNITS
    weights = read_weights(WEIGHTS_FILE)
    average = weights["averages"][LANGUAGES.index(language)]
    log_odds = (seen @ weights["features"] - average) / WEIGHT_UNITS
    (score,) = scores_of(turns(QUESTION, answer), language=language)
    assert score == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=0.002)


@pytest.mark.parametrize(
    ("language", "question", "good", "bad"),
    [("en", QUESTION, GOOD, BAD), ("zh", "面包为什么会膨胀？", CHINESE_GOOD, CHINESE_BAD)],
)
def test_an_answer_that_answers_has_a_higher_score_than_one_that_chats(
    language: str, question: str, good: str, bad: str
) -> None:
    better, worse = scores_of(turns(question, good), turns(question, bad), language=language)
    assert 0 <= worse < 0.5 < better <= 1


def test_saying_more_of_the_same_kind_changes_a_score_little() -> None:
    sentence = "The {} of a lake holds water that flows from {} and feeds the {} below it. "
    names = ["basin", "river", "valley", "spring", "canal", "meadow", "stream", "forest", "marsh"]
    sentences = [sentence.format(*names[place : place + 3]) for place in range(6)]
    short, long = (turns("Describe lakes.", "".join(sentences[:count])) for count in (3, 6))
    few, many = scores_of(short, long)
    assert abs(few - many) < 0.1


@pytest.mark.parametrize("language", ["de", "und", "zh-Hant"])
def test_other_languages_have_no_score(language: str) -> None:
    assert scores_of(turns(QUESTION, GOOD), language=language) == [None]


def test_what_shows_too_little_has_no_score() -> None:
    eight_words = "Yeast makes gas, and the gas lifts dough."
    assert len(eight_words.split()) == MIN_WORDS
    seven_words = eight_words.removesuffix(" dough.")
    by_system = [
        {"role": "system", "content": QUESTION, "stopped": False},
        {"role": "assistant", "content": GOOD, "stopped": False},
    ]
    (scored, *unscored) = scores_of(
        turns(QUESTION, eight_words),
        turns(QUESTION, seven_words),
        turns(QUESTION),
        turns("", ""),
        [],
        by_system,
    )
    assert scored is not None
    assert unscored == [None] * 5


def test_a_conversation_has_the_mean_of_its_scored_answers() -> None:
    good, twice, bad, mixed, with_short = scores_of(
        turns(QUESTION, GOOD),
        turns(QUESTION, GOOD, QUESTION, GOOD),
        turns(QUESTION, BAD),
        turns(QUESTION, GOOD, QUESTION, BAD),
        turns(QUESTION, GOOD, "Thanks", "You're welcome."),
    )
    assert bad < mixed < good
    assert good == twice == with_short


def test_a_conversation_has_the_same_score_in_any_batch() -> None:
    conversations = [
        turns(QUESTION, GOOD),
        turns(QUESTION, BAD, QUESTION, GOOD),
        turns("Hi", "Hello"),
        turns("Schreib Code", "```python\nprint('eins', 'zwei', 'drei', 'vier', 'fünf', 6)\n```"),
        turns("面包为什么会膨胀？", CHINESE_GOOD),
        turns(QUESTION, "A " * 5000 + "\U0001f35e"),
        [],
    ]
    together = scores_of(*conversations)
    assert together == [score for each in conversations for score in scores_of(each)]
    assert together[::-1] == scores_of(*conversations[::-1])


def test_scores_are_of_the_type_of_the_stage() -> None:
    kind = COMPUTED_STAGES["cleaned"].arrow_schema.field("quality_score").type
    for conversations in (column(), column(turns(QUESTION, GOOD)), column([])):
        languages = pa.array(["en"] * len(conversations), pa.large_string())
        assert quality_scores(turns_of(conversations), languages).type == kind
