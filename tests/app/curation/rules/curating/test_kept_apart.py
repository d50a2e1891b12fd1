"""Conversations that earlier rules took for near duplicates, and others of the same kinds."""

import pytest

from tests.app.curation.rules.curating.making import (
    NO_RULES,
    Conversation,
    decide,
    facts,
    reader,
    turns,
)

_RULES = "You are the helper of a tramway. " + " ".join(
    f"Rule: answer {manner} and never quarrel about fares, seats, snow or the strike."
    for manner in ("kindly", "briefly", "honestly", "at once", "in the language of the passenger")
)
_PASSAGES = {
    "en": (
        "The old harbour was built by Marten Quill in the year of the long frost. It had two piers"
        " of grey stone, a crane that four oxen turned, and a bell that rang whenever a ship with"
        " salt came in. After the flood the merchants moved their stores to Mill Pond."
    ),
    "de": (
        "Der alte Hafen wurde im Jahr des langen Frostes von Marten Quill gebaut. Er hatte zwei"
        " Molen aus grauem Stein, einen Kran, den vier Ochsen drehten, und eine Glocke, die bei"
        " jedem Salzschiff läutete. Nach der Flut zogen die Kaufleute an den Mühlteich."
    ),
    "zh": (
        "旧港口是马丁在大霜之年建造的。那里有两座灰色石头的码头、一台由四头牛拉动的起重机,还有一口钟,"
        "每当运盐的船进港时就会敲响。洪水过后,商人们把仓库搬到了磨坊池塘。"
    ),
    "ja": (
        "古い港は長い霜の年にマルテンが建てた。灰色の石の桟橋が二つ、四頭の牛が回す起重機、"
        "そして塩の船が入るたびに鳴る鐘があった。洪水のあと商人たちは倉を水車の池に移した。"
    ),
    "th": (
        "ท่าเรือเก่าสร้างโดยมาร์เทนในปีที่น้ำค้างแข็งยาวนาน มีสะพานหินสีเทาสองแห่ง"
        " ปั้นจั่นที่วัวสี่ตัวหมุน และระฆังที่ดังทุกครั้งที่เรือเกลือเข้ามา"
    ),
}
_QUESTIONS = {
    "en": ("Who built it?", "Marten Quill", "What turned the crane?", "Four oxen"),
    "de": ("Wer baute ihn?", "Marten Quill", "Was drehte den Kran?", "Vier Ochsen"),
    "zh": ("谁建造了港口?", "马丁", "什么拉动起重机?", "四头牛"),
    "ja": ("誰が建てましたか。", "マルテン", "何が起重機を回しましたか。", "四頭の牛"),
    "th": ("ใครสร้าง", "มาร์เทน", "อะไรหมุนปั้นจั่น", "วัวสี่ตัว"),
}
LANGUAGES = pytest.mark.parametrize("language", _PASSAGES)


def dropped(*conversations: Conversation) -> list[str]:
    decided = decide(facts(conversations), reader(conversations), NO_RULES)
    found: list[str] = decided["reason"].to_pylist()
    return found


def told(system: str, *texts: str) -> Conversation:
    return [{"role": "system", "content": system, "stopped": False}, *turns(*texts)]


@LANGUAGES
def test_a_shared_system_prompt_makes_no_duplicates(language: str) -> None:
    first, answer, second, other_answer = _QUESTIONS[language]
    assert dropped(told(_RULES, first, answer), told(_RULES, second, other_answer)) == []


def test_other_system_prompts_make_no_other_conversation() -> None:
    first, answer, *_ = _QUESTIONS["en"]
    assert dropped(told(_RULES, first, answer), told("Be kind.", first, answer)) == [
        "near_duplicate"
    ]


@pytest.mark.slow
@LANGUAGES
def test_another_question_about_a_passage_makes_another_conversation(language: str) -> None:
    passage = _PASSAGES[language]
    first, answer, second, other_answer = _QUESTIONS[language]
    one = turns(f"{passage} {first}", answer)
    assert dropped(one, turns(f"{passage} {second}", other_answer)) == []
    assert dropped(one, turns(f"{passage} {second}", answer)) == []


@LANGUAGES
def test_another_answer_to_a_question_makes_another_conversation(language: str) -> None:
    passage = _PASSAGES[language]
    first, answer, _, other_answer = _QUESTIONS[language]
    question = f"{passage} {first}"
    assert dropped(turns(question, answer), turns(question, other_answer)) == []
    assert dropped(turns(question, answer), turns(question, question)) == []


def test_another_sum_or_another_result_makes_another_conversation() -> None:
    question = "Solve for x in the equation 3x + 10 = 5(x - 2) and give only the value."
    assert dropped(turns(question, "x = 10"), turns(question, "x = 5, 2")) == []
    assert dropped(turns(question, "x = 10"), turns(question.replace("3", "4"), "x = 10")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Is 5 + 3 positive or negative?", "Is 5 - 3 positive or negative?"),
        ("Does hello world need a library in C++?", "Does hello world need a library in C?"),
        ("Is a = b * c allowed in Python?", "Is a = b / c allowed in Python?"),
        ("Does Python know a != b as a test?", "Does Python know a == b as a test?"),
    ],
)
def test_other_signs_make_another_conversation(one: str, other: str) -> None:
    answer = "Yes, it does, as far as I know."
    assert dropped(turns(one, answer), turns(other, answer)) == []
    assert dropped(turns(answer, one), turns(answer, other)) == []
    assert dropped(turns(one, answer), turns(one.replace(" ", "  "), answer)) != []


def test_a_line_under_a_heading_makes_no_other_conversation() -> None:
    heading = "The harbour\n======\nIt was built in the year of the long frost."
    plain = "The harbour\nIt was built in the year of the long frost."
    assert dropped(turns("Write a line.", heading), turns("Write a line.", plain)) != []


@LANGUAGES
def test_a_summary_and_its_inverse_are_two_conversations(language: str) -> None:
    passage, summary = _PASSAGES[language], _QUESTIONS[language][1]
    assert dropped(turns(f"Sum up: {passage}", summary), turns(f"Expand: {summary}", passage)) == []


@LANGUAGES
def test_filled_templates_are_different_conversations(language: str) -> None:
    _, one, _, other = _QUESTIONS[language]
    template, answer = f"{_PASSAGES[language]} {{}}", "Yes"
    assert dropped(*(turns(template.format(name), answer) for name in (one, other))) == []


@LANGUAGES
def test_the_same_said_with_a_greeting_and_in_other_lines_is_a_near_duplicate(
    language: str,
) -> None:
    passage = _PASSAGES[language]
    first, answer, *_ = _QUESTIONS[language]
    copy = turns(f"Hello!\n{passage}\n\n{first}", f"{answer}!")
    assert dropped(turns(f"{passage} {first}", answer), copy) == ["near_duplicate"]


@pytest.mark.slow
@LANGUAGES
def test_talks_that_part_at_their_last_answer_are_two_conversations(language: str) -> None:
    passage = _PASSAGES[language]
    first, answer, second, other_answer = _QUESTIONS[language]
    talk = [f"{passage} {first}", passage, second]
    assert dropped(turns(*talk, other_answer), turns(*talk, answer)) == []
    assert dropped(turns(*talk, other_answer), turns(*talk, f"{other_answer}!")) == [
        "near_duplicate"
    ]
