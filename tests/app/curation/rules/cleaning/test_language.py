# ruff: noqa: RUF001  # texts in many scripts are what this is about
import pytest

from app.curation.rules.cleaning.language import languages
from tests.app.curation.rules.cleaning.batches import texts

ENGLISH = "The quick brown fox jumps over the lazy dog, and then it sleeps for the whole afternoon."
GERMAN = "Der schnelle braune Fuchs springt über den faulen Hund und schläft dann den ganzen Tag."


def language(text: str) -> tuple[str, float]:
    codes, confidence = languages(texts(text))
    return codes[0].as_py(), confidence[0].as_py()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", ENGLISH),
        ("de", GERMAN),
        ("fr", "Le renard brun saute par-dessus le chien paresseux, puis il dort tout le jour."),
        ("es", "El zorro marrón salta sobre el perro perezoso y luego duerme toda la tarde."),
        ("ru", "Быстрая коричневая лиса прыгает через ленивую собаку, а потом спит весь день."),
        ("zh", "敏捷的棕色狐狸跳过了懒狗，然后睡了一整个下午。这是一个很好的故事。"),
        ("zh", "敏捷的棕色狐狸跳過了懶狗，然後睡了一整個下午。這是一個很好的故事。"),
        ("ja", "素早い茶色の狐がのろまな犬を飛び越えて、それから一日中眠りました。"),
        ("ar", "الثعلب البني السريع يقفز فوق الكلب الكسول ثم ينام طوال اليوم."),
        ("he", "השועל החום המהיר קופץ מעל הכלב העצלן ואז ישן כל היום."),
    ],
)
def test_a_language_is_named_by_its_code_in_iso_639(code: str, text: str) -> None:
    named, confidence = language(text)

    assert named == code
    assert 0.9 <= confidence <= 1


@pytest.mark.parametrize("text", ["", "12345 + 678 = ?", "<EMAIL> <PHONE>", "```\nint main\n```"])
def test_texts_without_a_language_are_undetermined(text: str) -> None:
    assert language(text) == ("und", 0.0)


def test_code_and_urls_and_placeholders_are_in_no_language() -> None:
    code = "```python\nfor each in the_list_of_things_that_we_have_here:\n    print(each)\n```"
    url = "https://example.com/the-quick-brown-fox-and-all-the-other-english-words"

    assert language(f"{GERMAN}\n{code * 5}\n{url}\n<EMAIL>") == language(GERMAN)


def test_confidence_is_the_share_of_the_text() -> None:
    whole, mixed = language(ENGLISH)[1], language(f"{ENGLISH} {ENGLISH} {GERMAN}")

    assert mixed[0] == "en"
    assert 0.5 < mixed[1] < whole


@pytest.mark.parametrize("odd", ["\x00", "\x01\x02", "\ufffe", "\ufdd0", "\U000e0001", "\u0378"])
def test_characters_that_the_detector_refuses_are_passed_over(odd: str) -> None:
    assert language(ENGLISH + odd)[0] == "en"
    assert language(odd) == ("und", 0.0)
