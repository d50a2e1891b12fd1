# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
import pytest

from tests.app.curation.rules.cleaning.masks.masking import masked


@pytest.mark.parametrize(
    "text",
    [
        "Call of Duty 2003-2023 history, Better Call Saul (2015-2022), and tel aviv 1948-1973.",
        "Phone storage 128 256 512 1024; Mobile: 1920 1080 768; gsm 900 1800 1900.",
        "Call the Midwife 2012-2024, and Call Me Maybe 2011-2012.",
        "Handy: 1170 2532 256; das Telefon von 1876-1926",
        "Téléphone 360 640 800 ; mobile 375 812 128",
        "手机：1440 3200 512，电话 1876-2026",
        "Телефон: 1080 2400 256; мобильный 2007-2023",
        "1.319 590 8951 and 1.622 393 6616",
    ],
)
def test_a_number_that_is_no_telephone_s_stays(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Not allowed here.+1 323-852-7000 is their number",
            "Not allowed here.<PHONE> is their number",
        ),
        ("Hier nicht.+49 30 23125000 ist ihre Nummer", "Hier nicht.<PHONE> ist ihre Nummer"),
        ("Ici non.+33 6 12 34 56 78 est à eux", "Ici non.<PHONE> est à eux"),
        ("Ada,+40 721 234 567,Cluj", "Ada,<PHONE>,Cluj"),
        ("tel,030 23125000", "tel,<PHONE>"),
    ],
)
def test_a_number_is_told_by_its_country_or_a_word_beside_it(text: str, expected: str) -> None:
    assert masked(text) == expected
