"""Numbers in words."""

import pytest

from catalog.wording import counted


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12_345, "12,345 rows")]
)
def test_what_is_counted_is_in_the_right_number(count: int, words: str) -> None:
    assert counted(count, "row") == words


def test_words_with_another_plural_are_given() -> None:
    assert counted(1, "query is", "queries are") == "1 query is"
    assert counted(2, "query is", "queries are") == "2 queries are"
