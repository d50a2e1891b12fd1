# ruff: noqa: RUF001 - quotation marks and commas of other scripts are meant
import dataclasses
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.quality.rules import QUALITY_REASONS, judge
from tests.app.curation.rules.curating.making import SCHEMA, Conversation, facts, turns

SIGNALS = SCHEMA.field("signals").type
GOOD = {"words": 200, "alphabetic_ratio": 1.0}


def reasons_of(**signals: float) -> list[Any]:
    values = {field.name: 0 for field in SIGNALS} | GOOD | signals
    row = pa.table({"signals": pa.array([values], SIGNALS)})
    reasons, measures = judge(row, CuratingParameters())
    return [reasons[0].as_py(), measures[0].as_py()]


@pytest.mark.parametrize(
    ("reason", "signal", "kept", "left_out"),
    [
        ("too_few_words", "words", 4, 3),
        ("too_many_words", "words", 100_000, 100_001),
        ("placeholder", "placeholder_ratio", 0.49, 0.5),
        ("repr", "repr_ratio", 0.49, 0.5),
        ("error_message", "error_message_ratio", 0.49, 0.5),
        ("one_token", "one_token_ratio", 0.49, 0.5),
        ("parrot", "parrot_ratio", 0.49, 0.5),
        ("refusal", "refusal_ratio", 0.49, 0.5),
        ("repetition", "loop_ratio", 0.5, 0.51),
        ("repetition", "repeated_turn_ratio", 0.5, 0.51),
    ],
)
def test_a_rule_drops_rows_past_its_threshold_with_the_measure(
    reason: str, signal: str, kept: float, left_out: float
) -> None:
    assert reasons_of(**{signal: kept}) == [None, None]
    assert reasons_of(**{signal: left_out}) == [reason, left_out]


def test_numbers_beside_signs_need_no_more_words() -> None:
    numbers = {"words": 3, "alphabetic_ratio": 0.5}
    assert reasons_of(**numbers, symbol_ratio=0.25) == [None, None]
    assert reasons_of(**numbers, symbol_ratio=0) == ["too_few_words", 3]
    assert reasons_of(words=0, alphabetic_ratio=0, symbol_ratio=1) == ["too_few_words", 0]


def test_a_negative_net_rating_leaves_out() -> None:
    assert reasons_of(positive_ratings=2, negative_ratings=2) == [None, None]
    assert reasons_of(positive_ratings=1, negative_ratings=3) == ["rated_negative", -2]


def test_the_first_rule_that_applies_is_the_reason() -> None:
    assert reasons_of(words=1, repr_ratio=1, refusal_ratio=1)[0] == "repr"
    assert reasons_of(words=1, refusal_ratio=1, negative_ratings=1)[0] == "refusal"
    assert reasons_of(words=1, negative_ratings=1)[0] == "too_few_words"


def test_a_rule_keeps_rows_from_before_its_signal_was_measured() -> None:
    values = {field.name: None if field.nullable else 0 for field in SIGNALS} | GOOD
    reasons, _ = judge(pa.table({"signals": pa.array([values], SIGNALS)}), CuratingParameters())
    assert reasons.to_pylist() == [None]


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
    "a sum in words": turns("2 + 2 = ?", "The answer is 4."),
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
    "a disclaimer before an answer": turns(
        "How deep should I plant a walnut?",
        "As an AI language model, I don't have a garden of my own, but here is what growers do. "
        "Put the nut on its side, twice as deep as it is thick, and keep the soil moist in spring.",
    ),
    "phrases that trail off": turns(
        "How do letters begin?",
        "1. I am writing to ask...\n2. Thank you for...\n3. We were glad to hear...",
    ),
    "a song with a refrain": turns(
        "Sing of the mill",
        "\n\n".join(
            f"The {animal} came down to the water,\nTurn, mill, turn, and grind the corn,\n"
            "Turn until the night is gone."
            for animal in ANIMALS
        ),
    ),
    "a derivation": turns(
        "Compute g(3) for g(x) = 2x^2 - x",
        "g(3) = 2(3)^2 - 3\ng(3) = 2(9) - 3\ng(3) = 18 - 3\ng(3) = 15",
    ),
    "many names": turns(
        "Name animals", "\n".join(f"- {animal} {n}" for n in range(9) for animal in ANIMALS)
    ),
    "placeholder text that was asked for": turns(
        "I need a line of filler text", "Lorem ipsum dolor sit amet, consectetur."
    ),
    "nothing, which was asked for": turns("What does Python print for print(print)?", "None"),
    "the name of an error": turns("What does HTTP status 500 mean?", "Internal Server Error"),
    "a corrected text": turns("Correct it: The gees flew sout", "The geese flew south"),
    "a continued text": turns("The capital of France is", "The capital of France is Paris."),
    "what a machine feels": turns(
        "Do you feel lonely at night?", "As an AI language model, I don't have feelings."
    ),
    "labels": turns(*("Is this kind or rude? Thanks a lot", "kind") * 4),
    "ones": turns("What is 255 in binary digits?", "11111111"),
    "an empty board": turns("Draw an empty board, please", "| | | |\n| | | |\n| | | |"),
    "a sum": turns("2+2?", "4"),
    "a year": turns("Mauerfall?", "1989"),
    "a symbol": turns("What is the symbol of sodium?", "Na"),
    "a numeral": turns("Which Roman numeral is thirty?", "XXX"),
    "no number": turns("What is 0/0 in floating point?", "NaN"),
    "a word for no value": turns("What is the slope of this wall?", "Undefined"),
    "none of them": turns("Who of you came?", "None."),
    "a mark": turns("Which mark shows an omission?", "..."),
    "a line": turns("How do I write a horizontal rule in Markdown?", "---"),
    "a blank that was asked for": turns("What stands in the form's field?", "[Your answer here]"),
    "an exception that was asked for": turns("What does int('x') raise?", "ValueError: invalid"),
    "a page of an error": turns(
        "Write a page for 404", "<html><head><title>404 Not Found</title></head></html>"
    ),
    "a translated message": turns("Translate: A server error occurred.", "Wystąpił błąd serwera."),
    "an error that somebody made": turns("Почему упал мост?", "Ошибка инженера в расчётах."),
    "a brief no": turns("Is that true of all birds?", "Absolutely not."),
    "a refrain": turns("Write a short refrain", "Na na na na na na na na na"),
    "a drawing": turns("Draw a cat for me", "/\\_/\\  \n/ o o \\\n=( = )=  \n/ o o \\\n/ o o \\"),
}
NOT_WORTH_IT = {
    "too_few_words": [turns("Hi", "Hello!")],
    "repetition": [
        turns("Tell me more", "It is the way of the world and so it goes on. " * 30),
        turns("Qui a gagné ?", "Les joueurs " + "de la ville et de la région " * 20),
        turns("讲个故事", "从前有一座山，" + "山里有一座庙，庙里有和尚，" * 12),
        turns(*("Go on, please", "I have said all that I know about the old mill.") * 3),
    ],
    "refusal": [
        turns("Who will win?", "As an AI language model, I cannot predict the future."),
        turns("Wer gewinnt?", "Es tut mir leid, aber das kann ich leider nicht beantworten."),
    ],
    "parrot": [
        turns("Title this tale. A fox met a hen.", "Title this tale. A fox met a hen."),
        turns("Wie hoch ist der Berg?", "wie hoch ist der berg"),
        turns("世界上最大的海洋是什么？", "世界上最大的海洋是什么"),
        turns("Where do the storks go?", 'You asked: "Where do the storks go?"'),
    ],
    "placeholder": [
        turns("Who built the mill?", answer)
        for answer in (
            "[your answer here]",
            "N/A",
            "TODO",
            "...",
            "<insert response>",
            "【请输入答案】",
            "???",
            "Response goes here.",
            "[wpisz odpowiedź]",
            "[ваш ответ]",
            "(empty)",
            "No answer",
        )
    ],
    "repr": [
        turns("Who built the mill?", answer)
        for answer in ("<mill.Answer object at 0x7f00aa>", "[object Object]", "None", "NaN", "null")
    ]
    + [
        turns("Who built the mill?", answer)
        for answer in (
            "ChatCompletion(id='x', choices=[])",
            "AIMessage(content='The miller', additional_kwargs={})",
            "<Response [200]>",
            '{"id": "chatcmpl-1", "choices": []}',
        )
    ],
    "error_message": [
        turns("Who built the mill?", answer)
        for answer in (
            "Error 429: slow down",
            "Internal server error",
            "network error",
            "Too many requests in 1 hour. Try again later.",
            "Es ist ein Fehler aufgetreten.",
            "网络错误，请稍后再试",
            "Ha ocurrido un error. Inténtelo más tarde.",
            "Wystąpił błąd serwera. Spróbuj ponownie.",
            "حدث خطأ في الخادم",
            "ChatGPT is at capacity right now",
            "⚠️ Error: model not found",
            "openai.error.RateLimitError: You exceeded your current quota",
            "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'choices'",
            '{"error": {"message": "Rate limit reached", "code": null}}',
            "<html><head><title>502 Bad Gateway</title></head><body></body></html>",
        )
    ],
    "one_token": [
        turns("Who built the mill?", answer)
        for answer in (
            "a" * 30,
            "ha " * 12,
            "!" * 20,
            "好" * 9,
            "0 0 0 0 0 0 0",
            "\n\n" + "#\n" * 9,
        )
    ],
    "rated_negative": [turns("Is it raining?", "Bananas are blue.", ratings=[None, "negative"])],
}


def judged(conversation: Conversation) -> Any:
    reasons, _ = judge(facts([conversation]), CuratingParameters())
    return reasons[0].as_py()


@pytest.mark.parametrize("kind", WORTH_IT)
def test_good_conversations_are_kept(kind: str) -> None:
    assert judged(WORTH_IT[kind]) is None


@pytest.mark.slow
@pytest.mark.parametrize("reason", NOT_WORTH_IT)
def test_bad_conversations_are_dropped(reason: str) -> None:
    assert [judged(conversation) for conversation in NOT_WORTH_IT[reason]] == [reason] * len(
        NOT_WORTH_IT[reason]
    )


def test_every_reason_has_a_rule() -> None:
    assert set(NOT_WORTH_IT) | {"too_many_words"} == set(QUALITY_REASONS)


def test_a_text_that_a_system_turn_asks_for_is_no_parrot() -> None:
    conversation = turns("the old man and the sea", "The Old Man and the Sea")
    system = {"role": "system", "content": "Write in title case.", "stopped": False}
    assert judged(conversation) == "parrot"
    assert judged([system, *conversation]) is None


def test_a_manifest_can_state_the_parameters() -> None:
    parameters = CuratingParameters(min_words=7, max_contributor_share=0.25)
    encoded = msgspec.json.encode(parameters)
    assert msgspec.json.decode(encoded, type=CuratingParameters) == parameters
    assert msgspec.json.decode(encoded)["min_words"] == 7


def test_every_parameter_is_described() -> None:
    assert CuratingParameters.__doc__ is not None
    for field in dataclasses.fields(CuratingParameters):
        assert f"        {field.name}: " in CuratingParameters.__doc__
