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


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("hi", "Mujhe aaj ka mausam kaisa hai batao"),
        ("hi", "Bhai, ye code kyun nahi chal raha hai?"),
        ("hi", "Bhai biryani kaise banate hain batao na"),
        ("hi", "Interview ki taiyari kaise karein"),
        ("hi", "Mere phone ki battery jaldi khatam ho jati hai"),
        ("en", "Aur means and in Hindi, and hai means is; the two words come up again and again."),
        ("da", "Der er mere kaffe i køkkenet, hvis du vil have."),
        ("sv", "Hej, kan du hjälpa mig med läxan?"),
        ("id", "Apa kabar hari ini?"),
        ("pt", "Tudo bem com você hoje?"),
        ("hi", "Aaj mausam saaf hai, dhoop nikli hai aur garmi thodi zyada hai."),
        ("en", "hi there, can you help me?"),
        ("und", "ok"),
    ],
)
def test_short_texts_and_hindi_in_latin_letters_are_told(code: str, text: str) -> None:
    assert language(text)[0] == code


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("es", "En este libro las cinco reglas"),
        ("es", "Animales del bosque"),
        ("fr", "Comment installer le programme"),
        ("pt", "Como instalar o programa"),
        ("no", "For barna er det gratis"),
        ("eo", "Temas pri la bela arbaro"),
        ("bg", "Информацията за курса се намира"),
        ("sr", "Ово је мој стари пријатељ из града"),
        ("mk", "Кога ќе одиме во градот"),
        ("en", "Strong coffee beans"),
        ("en", "How do I boil rice?"),
        ("en", "A banana is a fruit."),
    ],
)
def test_short_texts_that_look_like_another_language_are_told(code: str, text: str) -> None:
    assert language(text)[0] == code


@pytest.mark.parametrize(
    "code",
    [
        "import numpy as np\nx = np.zeros(3)\nprint(x)",
        "#include <stdio.h>\nint main(void) {\n    return 0;\n}",
        "SELECT name FROM items WHERE price > 10;",
        "def area(r):\n    return 3.14 * r * r",
        '{"name": "Ada", "age": 36}',
    ],
)
def test_code_without_fences_is_in_no_language(code: str) -> None:
    assert language(code) == ("und", 0.0)
    assert language(f"{GERMAN}\n{code}")[0] == "de"


@pytest.mark.parametrize(
    "text",
    [
        "from paris to london by train",
        "let me know - please - when you arrive",
        "return the well-known book (if you have read it)",
        "for all of us, the sea was calm; and we slept",
    ],
)
def test_lines_of_prose_are_not_taken_for_code(text: str) -> None:
    assert language(text)[0] == "en"


def test_confidence_is_the_share_of_the_text() -> None:
    whole, mixed = language(ENGLISH)[1], language(f"{ENGLISH} {ENGLISH} {GERMAN}")

    assert mixed[0] == "en"
    assert 0.5 < mixed[1] < whole


@pytest.mark.parametrize("odd", ["\x00", "\x01\x02", "\ufffe", "\ufdd0", "\U000e0001", "\u0378"])
def test_characters_that_the_detector_refuses_are_passed_over(odd: str) -> None:
    assert language(ENGLISH + odd)[0] == "en"
    assert language(odd) == ("und", 0.0)
