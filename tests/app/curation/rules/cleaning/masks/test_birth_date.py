import pytest

from tests.app.curation.rules.cleaning.masks.masking import masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My birthday is May 3, 1987", "My birthday is <BIRTH_DATE>"),
        ("My son Tom's birthday is May 3, 2012", "My son Tom's birthday is <BIRTH_DATE>"),
    ],
)
def test_the_birth_of_the_speaker_and_the_family_is_masked(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Albert Einstein was born on March 14, 1879; date of birth: 14 March 1879",
        "She was born on 3 May 1970.",
        "Marie Curie's birthday is November 7, 1867.",
        "Taylor Swift's date of birth is December 13, 1989.",
    ],
)
def test_the_birth_of_others_stays(text: str) -> None:
    assert masked(text) == text
