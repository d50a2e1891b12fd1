import pytest

from app.curation.rules.curating.duplicates.likeness import Exchange, similarity
from app.curation.rules.curating.duplicates.near_duplicates import exchanges_of
from app.curation.rules.curating.parameters import CuratingParameters
from tests.app.curation.rules.curating.making import column, turns

THRESHOLD = CuratingParameters().min_similarity
PASSAGE = (
    "The ferry to the island leaves twice a day, and its captain carries the post in a blue tin."
    " In winter it waits for the doctor. Nobody has ever been charged for a bicycle or a dog."
)
WHO, WHAT = f"{PASSAGE} Who carries the post?", f"{PASSAGE} What does the ferry wait for?"
LONG = (
    "The post is carried by the captain of the ferry, who keeps it in a blue tin so that it stays"
    " dry on the way to the island."
)


def exchange(*texts: str) -> Exchange:
    (found,) = exchanges_of(column(turns(*texts)))
    return found


def are_alike(one: tuple[str, str], other: tuple[str, str]) -> bool:
    first, second = exchange(*one), exchange(*other)
    found = similarity(first, second, THRESHOLD)
    assert 0 <= found == similarity(second, first, THRESHOLD) <= 1
    return found >= THRESHOLD


@pytest.mark.parametrize(
    "other",
    [
        (WHO, LONG),
        (WHO.upper(), LONG),
        (f"Hello! {WHO} Thanks", LONG),
        (WHO.replace("captain", "captian").replace("bicycle", "bicyle"), LONG),
        (WHO, f"Sure! {LONG}"),
        (WHO, LONG.replace("keeps", "holds")),
    ],
    ids=["same", "case", "greeting", "misspelt", "lead-in", "a word of a long answer"],
)
def test_small_differences_leave_conversations_alike(other: tuple[str, str]) -> None:
    assert are_alike((WHO, LONG), other)


@pytest.mark.parametrize(
    "other",
    [
        (WHAT, LONG),
        (WHAT, "The doctor."),
        (WHO, "A dog on a bicycle, as everybody on the island knows."),
        (WHO, WHO),
        (LONG, WHO),
    ],
    ids=["question", "question and answer", "answer", "parrot", "inverse"],
)
def test_another_prompt_or_another_answer_makes_another_conversation(
    other: tuple[str, str],
) -> None:
    assert not are_alike((WHO, LONG), other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Can cats swim?", "Yes"), ("Can dogs swim?", "Yes")),
        (("猫会游泳吗", "会。"), ("狗会游泳吗", "会。")),
        (("Tell me", "No"), ("Tell me", "Yes")),
        (("Was it a cat?", "Yes"), ("Was it a car?", "Yes")),
        (
            ("Is the port open?", "The port is open."),
            ("Is the port open?", "The port is not open."),
        ),
        (("What is the capital?", "Dolmar"), ("What is the former capital?", "Dolmar")),
    ],
)
def test_short_conversations_are_told_apart_by_a_word(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert not are_alike(one, other)


@pytest.mark.parametrize("misspelt", ["harbor", "habour", "hharbour", "harobur", "harbouur"])
def test_a_letter_more_less_other_or_swapped_is_a_misspelling(misspelt: str) -> None:
    assert similarity(exchange("old harbour", "Yes"), exchange(f"old {misspelt}", "Yes"), 0.1) == 1


@pytest.mark.parametrize("other", ["arbor", "habur", "hraobur", "port"])
def test_words_that_differ_more_are_other_words(other: str) -> None:
    assert similarity(exchange("old harbour", "Yes"), exchange(f"old {other}", "Yes"), 0.1) == 0


def test_each_word_is_a_misspelling_of_one_other_word() -> None:
    one, two = exchange("harbour", "Yes"), exchange("harbor habour", "Yes")
    assert similarity(one, two, 0.5) == similarity(two, one, 0.5) == 0.5
    assert similarity(one, two, 0.6) == 0


def test_conversations_that_say_nothing_are_alike() -> None:
    assert similarity(exchange(""), exchange("?!"), THRESHOLD) == 1


FEE = ("Does a dog pay on the ferry?", "Nobody has ever been charged for a dog or a bicycle.")
STEPS = [(WHO, LONG), FEE, ("And in winter, when it waits?", "It waits for the doctor then.")]


def talk(*last: str) -> Exchange:
    """Return a conversation of three questions, the last answer of which may be another one."""
    said = [text for step in STEPS for text in step]
    return exchange(*said[: len(said) - len(last)], *last)


@pytest.mark.parametrize("last", ["No.", "I would rather not say who it waits for then."])
def test_conversations_that_part_at_their_last_answer_are_not_alike(last: str) -> None:
    assert similarity(talk(), talk(last), THRESHOLD) < THRESHOLD


def test_each_answer_may_be_cut_or_led_in_and_a_turn_may_be_added_to_long_talk() -> None:
    assert similarity(talk(), talk("Well: It waits for the doctor then."), THRESHOLD) >= THRESHOLD
    thanked = exchange(*(text for step in STEPS for text in step), "Thanks!", "Welcome!")
    assert similarity(talk(), thanked, THRESHOLD) >= THRESHOLD


def test_answers_without_words_are_compared_as_they_are() -> None:
    house, tree = exchange("Draw", "/\\\n||"), exchange("Draw", "<>\n ||")
    assert similarity(house, exchange("Draw!", "/\\\n||"), THRESHOLD) == 1
    assert similarity(house, tree, THRESHOLD) == 0
    assert similarity(talk("..."), talk(), THRESHOLD) < THRESHOLD
