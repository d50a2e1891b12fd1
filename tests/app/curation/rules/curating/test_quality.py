import dataclasses
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.quality import QUALITY_REASONS, judge
from tests.app.curation.rules.curating.making import SCHEMA, Conversation, TextWriter, facts, turns

SIGNALS = SCHEMA.field("signals").type
GOOD = {
    "words": 200,
    "mean_word_length": 4.5,
    "symbol_ratio": 0.05,
    "alphabetic_ratio": 0.95,
    "stop_words": 6,
}


def reasons_of(language: str, **signals: float) -> list[Any]:
    values = {field.name: 0 for field in SIGNALS} | GOOD | signals
    row = pa.table({"language": [language], "signals": pa.array([values], SIGNALS)})
    reasons, measures = judge(row, CuratingParameters())
    return [reasons[0].as_py(), measures[0].as_py()]


@pytest.mark.parametrize(
    ("reason", "signal", "kept", "left_out"),
    [
        ("too_few_words", "words", 4, 3),
        ("too_many_words", "words", 100_000, 100_001),
        ("word_length", "mean_word_length", 2.5, 2.4),
        ("word_length", "mean_word_length", 15, 15.1),
        ("symbol_ratio", "symbol_ratio", 0.5, 0.51),
        ("alphabetic_ratio", "alphabetic_ratio", 0.1, 0.09),
        ("few_stop_words", "stop_words", 2, 1),
        ("ellipses", "ellipsis_ratio", 0.5, 0.51),
        ("repetition", "duplicate_line_ratio", 0.3, 0.31),
        ("repetition", "top_ngram_ratio", 0.3, 0.31),
        ("repetition", "duplicate_ngram_ratio", 0.4, 0.41),
        ("repetition", "repeated_turn_ratio", 0.5, 0.51),
        ("refusal", "refusal_ratio", 0.49, 0.5),
        ("boilerplate", "boilerplate_ratio", 0.3, 0.31),
    ],
)
def test_a_rule_drops_rows_past_its_threshold_with_the_measure(
    reason: str, signal: str, kept: float, left_out: float
) -> None:
    assert reasons_of("en", **{signal: kept}) == [None, None]
    assert reasons_of("en", **{signal: left_out}) == [reason, left_out]


def test_a_negative_net_rating_leaves_out() -> None:
    assert reasons_of("en", positive_ratings=2, negative_ratings=2) == [None, None]
    assert reasons_of("en", positive_ratings=1, negative_ratings=3) == ["rated_negative", -2]


def test_the_first_rule_that_applies_is_the_reason() -> None:
    assert reasons_of("en", words=1, symbol_ratio=1, refusal_ratio=1)[0] == "too_few_words"
    assert (
        reasons_of("en", symbol_ratio=1, refusal_ratio=1, negative_ratings=1)[0] == "symbol_ratio"
    )
    assert reasons_of("en", refusal_ratio=1, negative_ratings=1)[0] == "refusal"


@pytest.mark.parametrize("signal", ["stop_words", "mean_word_length"])
def test_rules_of_english_leave_other_languages_alone(signal: str) -> None:
    assert reasons_of("en", **{signal: 0})[0] is not None
    assert reasons_of("de", **{signal: 0}) == [None, None]
    assert reasons_of("und", **{signal: 0}) == [None, None]


def test_code_needs_no_stop_words() -> None:
    assert reasons_of("en", stop_words=0, symbol_ratio=0.1)[0] == "few_stop_words"
    assert reasons_of("en", stop_words=0, symbol_ratio=0.11) == [None, None]


@pytest.mark.parametrize(
    "signals",
    [
        {"mean_word_length": 1},
        {"alphabetic_ratio": 0},
        {"stop_words": 0},
        {"ellipsis_ratio": 1},
        {"duplicate_line_ratio": 1},
        {"top_ngram_ratio": 1},
        {"duplicate_ngram_ratio": 1},
    ],
)
def test_rules_that_need_long_texts_spare_short_ones(
    signals: dict[str, float],
) -> None:
    assert reasons_of("en", **signals)[0] is not None
    assert reasons_of("en", words=20, **signals) == [None, None]


PYTHON = """def add(first, second):
    if first is None:
        return second
    return first + second


class Adder:
    def __init__(self, *numbers):
        self.numbers = [number for number in numbers if number != 0]

    def total(self):
        return sum(self.numbers)
"""
TABLE = "| year | sold | left |\n| --- | --- | --- |\n" + "\n".join(
    f"| {1990 + place} | {place * 7919 % 1000} | {place * 104729 % 997} |" for place in range(12)
)
ANIMALS = ("cat", "dog", "cow", "pig", "hen", "owl", "bee", "ant", "fox", "rat")
LIST = "\n".join(f"- {animal}" for animal in ANIMALS)
WORTH_IT = {
    "a fact": turns("What is the capital of France?", "Paris"),
    "a sum": turns("2 + 2 = ?", "The answer is 4."),
    "code": turns("Write a class that adds", f"```python\n{PYTHON}```"),
    "code that is revised": turns(
        "Write it", PYTHON, "Rename it", PYTHON.replace("add", "plus"), "Call it sum", PYTHON
    ),
    "a table": turns("Make a table of what we sold and of what is left", TABLE),
    "a list": turns("Name ten animals", LIST),
    "a story": turns("Go on ...", "He waited ... and waited ...\nThen he left ..."),
    "Chinese": turns(
        "什么是人工智能", "人工智能是计算机科学的一个分支。研究如何让机器模拟人的智能。"
    ),
    "a discussion of cookies": turns(
        "Which sentence do sites show?",
        "We use cookies.\nMany sites show it since a law of 2009 asks them to name what they store "
        "on the computers of those who visit them, and why they do.",
    ),
}
NOT_WORTH_IT = {
    "too_few_words": turns("Hi", "Hello!"),
    "word_length": turns("Decode this please for me", "4a6f" * 100 + " " + "9c1b" * 100),
    "symbol_ratio": turns("Draw me a big box", "+----------+\n|          |\n+----------+" * 3),
    "alphabetic_ratio": turns("Digits of pi", " ".join(str(7919 * n % 1009) for n in range(90))),
    "repetition": turns("Tell me more", "It is the way of the world and so it goes on. " * 30),
    "refusal": turns("Who will win?", "As an AI language model, I cannot predict the future."),
    "boilerplate": turns("Read this page for me", "Please enable JavaScript to view this page."),
    "rated_negative": turns("Is it raining?", "Bananas are blue.", ratings=[None, "negative"]),
}


def judged(conversation: Conversation, language: str = "en") -> Any:
    reasons, _ = judge(facts([conversation], language=[language]), CuratingParameters())
    return reasons[0].as_py()


@pytest.mark.parametrize("kind", WORTH_IT)
def test_good_conversations_are_kept(kind: str) -> None:
    assert judged(WORTH_IT[kind], "zh" if kind == "Chinese" else "en") is None


@pytest.mark.parametrize("reason", NOT_WORTH_IT)
def test_bad_conversations_are_dropped(reason: str) -> None:
    assert judged(NOT_WORTH_IT[reason]) == reason


def test_english_without_its_most_frequent_words_is_left_out() -> None:
    writer = TextWriter("english", 1)
    gibberish = turns(writer.text(writer.sentences(30)))
    assert judged(gibberish) == "few_stop_words"
    assert judged(gibberish, "und") is None


def test_every_reason_has_a_rule() -> None:
    assert set(NOT_WORTH_IT) | {"too_many_words", "few_stop_words", "ellipses"} == set(
        QUALITY_REASONS
    )


def test_a_manifest_can_state_the_parameters() -> None:
    parameters = CuratingParameters(min_words=7, max_contributor_share=0.25)
    encoded = msgspec.json.encode(parameters)
    assert msgspec.json.decode(encoded, type=CuratingParameters) == parameters
    assert msgspec.json.decode(encoded)["min_words"] == 7


def test_every_parameter_is_described() -> None:
    assert CuratingParameters.__doc__ is not None
    for field in dataclasses.fields(CuratingParameters):
        assert f"        {field.name}: " in CuratingParameters.__doc__
