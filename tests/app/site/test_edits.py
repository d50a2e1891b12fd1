from hypothesis import given
from hypothesis import strategies as st

from app.site.edits import Change, compare

TEXTS = st.text("ab \n,汉字é", max_size=40)


def test_words_that_were_changed_are_told_apart() -> None:
    comparison = compare("it keep two numbers", "it keeps two numbers!")
    assert comparison
    assert comparison.changes == [
        Change("same", "it "),
        Change("removed", "keep"),
        Change("added", "keeps"),
        Change("same", " two numbers"),
        Change("added", "!"),
    ]


def test_scripts_without_spaces_are_compared_by_letters() -> None:
    comparison = compare("今日は晴れ", "今日は雨")
    assert comparison
    assert comparison.changes[0] == Change("same", "今日は")


@given(TEXTS, TEXTS)
def test_both_texts_are_whole(before: str, after: str) -> None:
    comparison = compare(before, after)
    assert comparison
    parts = comparison.changes
    assert "".join(part.text for part in parts if part.kind != "added") == before
    assert "".join(part.text for part in parts if part.kind != "removed") == after


def test_texts_that_are_too_long_are_not_compared() -> None:
    assert compare("a " * 2_000, "b " * 2_000) is None
    assert compare("a b", "a c", most_words=5) is None
    assert compare("a b", "a c", most_words=6) is not None
