import pytest

from app.maps.clusters.words import as_written, terms_of


def terms(text: str) -> set[str]:
    """Return the terms of one text."""
    ((*found,),) = map(list, terms_of([text]))
    return {*found}


def test_terms_are_words_and_pairs_of_adjacent_ones_without_stop_words() -> None:
    assert terms("Could you please open a Checking account for the company, thanks?") == {
        "checking",
        "account",
        "checking account",
        "company",
    }


def test_only_a_space_joins_words_to_a_pair() -> None:
    assert terms("red, green\nyellow purple") == {
        "red",
        "green",
        "yellow",
        "purple",
        "yellow purple",
    }


@pytest.mark.parametrize(
    ("text", "word", "stop_word"),
    [
        ("Ich möchte wissen, wie man einen Kuchen mit Äpfeln backen kann", "kuchen", "einen"),
        ("Quiero saber cómo se prepara una tortilla de patatas en casa", "tortilla", "una"),
        ("Расскажи мне, пожалуйста, как приготовить настоящий борщ дома", "борщ", "мне"),
        ("मुझे हिन्दी में एक अच्छी कहानी सुनाओ", "हिन्दी", "एक"),
        ("我们想了解一下人工智能的历史和发展", "历史", "我们"),
        ("東京の天気について教えてください。明日は雨が降りますか", "東京", "ください"),
        ("ช่วยบอกวิธีทำน้ำพริกไทยให้ฉันหน่อยได้ไหม", "น้ำ", "ได้"),
    ],
)
def test_words_of_many_languages_and_scripts_are_found(
    text: str, word: str, stop_word: str
) -> None:
    found = terms(text)
    assert word in found
    assert stop_word not in found


def test_a_stop_word_of_one_language_is_a_word_of_another() -> None:
    assert "die" in terms("How do I die in this computer game without losing my armour?")
    assert "die" not in terms("Wo finde ich die beste Rüstung in diesem Spiel?")


def test_addresses_markup_tokens_and_numbers_are_no_words() -> None:
    assert terms("<|endoftext|> <b>bread</b> https://example.com/recipe?x=1 42 x <EMAIL>") == {
        "bread"
    }


def test_only_the_beginning_of_a_text_is_read() -> None:
    assert terms("bread. " + "oven. " * 500 + "planet") == {"bread", "oven"}


def test_characters_beyond_the_basic_plane_do_not_shift_words() -> None:
    assert {"人工", "智能", "人工 智能", "历史"} <= terms("😀😀 𠮷野家 人工智能的历史 😀")


def test_pairs_are_written_as_their_script_is() -> None:
    assert as_written("人工 智能") == "人工智能"
    assert as_written("checking account") == "checking account"
    assert as_written("python 教程") == "python 教程"


@pytest.mark.parametrize(
    ("text", "nouns", "others"),
    [
        (
            "玉ねぎの炒め方を教えてください。カレーの鍋は大きい方がいいですか",
            {"カレー"},
            {"教え", "ください", "大きい", "いい", "です"},
        ),
        (
            "김치는 얼마나 볶아야 하나요? 간장과 두부를 넣고 요리 방법을 알려 주세요",
            {"김치", "간장", "두부", "요리"},
            {"김치는", "볶아야", "하나요", "주세요", "방법", "알려"},
        ),
        ("请描述酒店的主要任务并提供例子", {"酒店"}, {"描述", "主要", "任务", "提供", "例子"}),
    ],
)
def test_words_of_east_asian_languages_are_nouns_and_not_what_every_request_has(
    text: str, nouns: set[str], others: set[str]
) -> None:
    found = terms(text)
    assert nouns <= found
    assert not others & found
