from hypothesis import given
from hypothesis import strategies as st

from app.ingest.text_set import TextSet, hashes_of

TEXTS = st.sets(st.text(max_size=3))


@given(TEXTS, TEXTS, TEXTS)
def test_it_has_the_texts_that_were_given_and_no_others(
    first: set[str], second: set[str], others: set[str]
) -> None:
    made = TextSet(hashes_of(first)).with_more(hashes_of(second))
    assert len(made) == len(first | second)
    assert all(text in made for text in first | second)
    assert not any(text in made for text in others - first - second)
    texts = sorted(first | second | others)
    assert made.are_in(texts).tolist() == [text in first | second for text in texts]


def test_an_empty_set_has_nothing() -> None:
    assert not TextSet()
    assert "" not in TextSet()
    assert None not in TextSet()
    assert TextSet().are_in(["a", None]).tolist() == [False, False]
