import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.site.rendering.edits import Change, Comparer

TEXTS = st.text("ab \n,汉字é", max_size=40)


def test_words_that_were_changed_are_told_apart() -> None:
    assert Comparer().compare("it keep two numbers", "it keeps two numbers!") == [
        Change("same", "it "),
        Change("removed", "keep"),
        Change("added", "keeps"),
        Change("same", " two numbers"),
        Change("added", "!"),
    ]


def test_scripts_without_spaces_are_compared_by_letters() -> None:
    changes = Comparer().compare("今日は晴れ", "今日は雨")
    assert changes
    assert changes[0] == Change("same", "今日は")


@pytest.mark.slow
@given(TEXTS, TEXTS)
def test_both_texts_are_whole(before: str, after: str) -> None:
    parts = Comparer().compare(before, after)
    assert parts is not None
    assert "".join(part.text for part in parts if part.kind != "added") == before
    assert "".join(part.text for part in parts if part.kind != "removed") == after


def test_texts_that_are_too_long_are_not_compared() -> None:
    assert Comparer().compare("a " * 2_000, "b " * 2_000) is None
    # A gigabyte of words, if it were cut into them.
    assert Comparer(left_words=10**9).compare("a " * 8_000_000, "b") is None
    assert Comparer(left_words=5).compare("a b", "a c") is None
    assert Comparer(left_words=6).compare("a b", "a c") is not None


def test_texts_whose_words_come_again_in_another_order_are_not_compared() -> None:
    # Comparing them to the end looks at 300 million pairs of words, for 14 s.
    comparer = Comparer()
    assert comparer.compare("a b c d " * 240, "d c b a " * 240) is None
    assert comparer.compare("one more", "one less") is None


def test_a_long_answer_with_many_changes_is_compared() -> None:
    before = [f"word{number % 300}" for number in range(990)]
    after = ["changed" if number % 20 == 0 else word for number, word in enumerate(before)]
    changes = Comparer().compare(" ".join(before), " ".join(after))
    assert changes
    assert sum(change.kind == "added" for change in changes) == 50


def test_the_texts_of_a_page_share_its_words() -> None:
    comparer = Comparer(left_words=10)
    assert comparer.compare("a b", "a c") is not None
    assert comparer.compare("a b", "a c") is None


def test_characters_that_can_not_be_seen_are_written_out() -> None:
    changes = Comparer().compare("a", "a \u202e")
    assert changes
    assert changes[-1] == Change("added", " ⟦U+202E⟧")
