import pytest

from tests.app.curation.rules.cleaning.masks.masking import masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada,4111111111111111,12/27", "Ada,<CARD>,12/27"),
        ("Karte: 4222222222222", "Karte: <CARD>"),
        ("カード番号 4000000000000000006", "カード番号 <CARD>"),
    ],
)
def test_a_number_of_a_card_is_masked(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_a_long_number_without_a_word_for_a_card_stays() -> None:
    text = "ids: [123,4111111111111111], 4222222222222, 4000000000000000006"
    assert masked(text) == text
