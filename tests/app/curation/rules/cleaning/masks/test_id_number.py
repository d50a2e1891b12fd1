import pytest

from tests.app.curation.rules.cleaning.masks.masking import masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SSN 859-56-0028.", "SSN <ID_NUMBER>."),
        ("social security number is 859560028.", "social security number is <ID_NUMBER>."),
        ("pasaporte AAA123456", "pasaporte <ID_NUMBER>"),
        ("Reisepass C01X00T478", "Reisepass <ID_NUMBER>"),
    ],
)
def test_a_number_is_told_by_the_word_before_it(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "SSN 123-45-6789 and 000-12-3456",
        "CPF: 111.222.333-44",
    ],
)
def test_a_number_that_was_issued_to_nobody_stays(text: str) -> None:
    assert masked(text) == text
