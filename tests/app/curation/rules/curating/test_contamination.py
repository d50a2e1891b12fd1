# ruff: noqa: RUF001 - punctuation of other scripts is meant
"""Evaluation sets, and conversations that hold their texts or only look like it."""

import pickle

import pyarrow as pa
import pytest

from app.curation.evaluation_sets.shipped import shipped_sets
from app.curation.rules.curating.contamination import Contamination, EvaluationItem
from app.curation.rules.curating.parameters import CuratingParameters
from tests.app.curation.rules.curating.making import Conversation, column, many, turns
from tests.batches import assert_row_by_row, sizes_around

FARM = (
    "A farmer keeps 24 brown hens and half as many white ones, and each lays 5 eggs in a week. "
    "How many dozens of eggs does she sell in four weeks if a ninth of them breaks on the way?"
)
TIDES = "Explain to a curious child why the sea comes and goes"
KETTLE = "Why does my kettle sing?"
CHINESE = "请用不超过三句话解释为什么海水每天会有两次涨潮和落潮，并举一个沿海城市的例子。"
SHORT_CHINESE = "为什么水壶烧水会响？怎么办"
JAPANESE = "灯台守の一日を、波の音から始めて二百字ほどの詩にしてください。"
THAI = "จงอธิบายสาเหตุที่น้ำทะเลขึ้นและลงวันละสองครั้งให้เด็กอายุสิบขวบฟัง"
ANSWER = (
    "White hens: 12. Together 36 hens lay 180 eggs a week, so 720 in four weeks; 640 of them "
    "arrive, which is a little more than 53 dozens."
)
PROMPTS = (TIDES, KETTLE, "Hello, how are you?", CHINESE, SHORT_CHINESE, JAPANESE)
SETS = {
    "farm": [EvaluationItem(prompt=FARM, answer=ANSWER)],
    "mixed": [
        *(EvaluationItem(prompt=text) for text in PROMPTS),
        EvaluationItem(prompt=THAI, answer="I do not know what you mean by that."),
    ],
}


def contamination(sets: dict[str, list[EvaluationItem]] | None = None) -> Contamination:
    return Contamination(SETS if sets is None else sets, CuratingParameters())


def found(
    *conversations: Conversation, sets: dict[str, list[EvaluationItem]] | None = None
) -> list[str | None]:
    """Return the evaluation set that each conversation overlaps with."""
    names: list[str | None] = (
        contamination(sets).overlaps(column(*conversations))["evaluation_set"].to_pylist()
    )
    return names


@pytest.mark.parametrize("text", [FARM, TIDES, CHINESE, JAPANESE, THAI])
@pytest.mark.parametrize(
    "said",
    [
        "{}",
        "Hi there! Solve this for me, and think step by step.\n\n> {}\n\nThank you!",
        "我有一个问题，请帮我。{} 谢谢",
    ],
)
def test_a_prompt_is_found_as_it_is_and_in_a_longer_one(text: str, said: str) -> None:
    name = "farm" if text == FARM else "mixed"
    assert found(turns(said.format(text), "It is so.")) == [name]
    assert found(turns("Give me a question.", said.format(text))) == [name]
    assert found(turns("Hi", "Ho", said.format(text), "Yes.")) == [name]


def test_case_punctuation_and_white_space_do_not_count() -> None:
    changed = FARM.upper().replace(" ", "\n\t").replace(",", " –").replace("?", "…")
    assert found(turns(changed, "x")) == ["farm"]
    assert found(turns(CHINESE.replace("，", " ").replace("。", ""), "x")) == ["mixed"]


def test_a_few_other_words_hide_no_prompt_and_the_overlap_tells_how_much_is_there() -> None:
    words = FARM.split()
    words[8], words[20] = "fourteen", "goes"
    shared = contamination().overlaps(column(turns(" ".join(words), "x"), turns(FARM, "x")))
    assert shared["evaluation_set"].to_pylist() == ["farm", "farm"]
    changed, same = shared["overlap"].to_pylist()
    assert 0.8 < changed < 1
    assert same == 1


def test_half_of_a_prompt_is_not_enough_and_more_is() -> None:
    words = FARM.split()
    assert found(turns(" ".join(words[: len(words) // 2]), "x")) == [None]
    assert found(turns(" ".join(words[: len(words) // 2 + 2]), "x")) == ["farm"]


@pytest.mark.parametrize(
    "text",
    [
        "How many eggs does a farmer sell in four weeks?",
        "Explain to a curious child why the sky is blue",
        "Explain to a curious child why the sea is salt and where the sun goes",
        "请用不超过三句话解释为什么天空是蓝色的，并举一个例子。",
        "I do not know what you mean by that.",
        "Hello, how are you?",
    ],
)
def test_a_phrase_that_many_say_is_none_of_a_set(text: str) -> None:
    assert found(turns(text, text)) == [None]


def test_a_short_prompt_is_found_only_as_the_whole_turn_of_a_user() -> None:
    for text in (KETTLE, SHORT_CHINESE):
        assert found(turns(f" {text.upper()}!", "x")) == ["mixed"]
        assert found(turns("Hello", "Hi", text, "x")) == ["mixed"]
        assert found(turns(f"{text} And the pot?", "x"), turns("Say it", text)) == [None, None]


def test_an_answer_is_found_without_its_prompt() -> None:
    assert found(turns("What did they say?", f"They said: {ANSWER}")) == ["farm"]


def test_the_words_of_a_template_are_not_those_of_its_texts() -> None:
    template = (
        "Answer the question below in one word, with no explanation and no other text, or say "
        "unknown if it has no answer. Question: "
    )
    sets = {"few": [EvaluationItem(prompt=f"{template}What do {n}s eat?") for n in "abcdefghijklm"]}
    other, own = (turns(template + text, "x") for text in ("What do goats eat?", "What do cs eat?"))
    assert found(other, own, sets=sets) == [None, "few"]
    assert found(other, sets={"few": sets["few"][:10]}) == ["few"]


def test_a_text_that_only_repeats_itself_is_not_looked_for() -> None:
    laugh = "ha " * 1000
    sets = {"laughs": [EvaluationItem(prompt=laugh), EvaluationItem(prompt=laugh + FARM)]}
    assert found(turns(laugh, "x"), turns(FARM, "x"), sets=sets) == [None, "laughs"]


def test_of_sets_with_the_same_text_the_first_is_named() -> None:
    for text in (FARM, KETTLE):
        sets = {name: [EvaluationItem(prompt=text)] for name in ("a", "b")}
        assert found(turns(text, "x"), sets=sets) == ["a"]


def test_turns_of_one_conversation_count_together_and_runs_do_not_cross_turns() -> None:
    words = FARM.split()
    halves = " ".join(words[:18]), " ".join(words[18:])
    assert found(turns(*halves)) == ["farm"]
    seven = [" ".join(words[place : place + 7]) for place in range(0, len(words), 7)]
    assert found(turns(*seven)) == [None]


def test_without_sets_and_without_conversations_nothing_is_found() -> None:
    assert found(turns(FARM, "x"), sets={}) == [None]
    assert found(turns(FARM, "x"), sets={"x": [EvaluationItem(prompt="Hi")]}) == [None]
    assert found() == []
    assert found([], turns("", "")) == [None, None]


def test_a_row_overlaps_the_same_in_any_batch_and_process() -> None:
    of = pickle.loads(pickle.dumps(contamination()))  # noqa: S301 - our own
    rows = column(turns(FARM, "x"), turns("", ""), *many()[:60], turns(KETTLE, "x"))

    def overlaps_of(conversations: pa.Array) -> pa.Array:
        return pa.StructArray.from_arrays(
            list(of.overlaps(conversations).values()), ["evaluation_set", "overlap"]
        )

    assert_row_by_row(overlaps_of, rows, sizes_around(20))


@pytest.mark.slow
def test_every_shipped_item_that_is_long_enough_is_found() -> None:
    for known, items in shipped_sets().items():
        long = [item.prompt for item in items if len(item.prompt) > 80]
        assert len(long) > 20
        names = found(*(turns(prompt, "x") for prompt in long), sets={known.name: items})
        assert names == [known.name] * len(long)
