# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
"""Numbers and addresses are masked or stay by the words beside them and by their form."""

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
        "order 415-735-0142, part number 212-735-0177, Bestellnummer 646-735-0142",
    ],
)
def test_a_number_that_is_no_telephone_s_stays(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Not allowed here.+1 323-852-7000 is their number", "Not allowed here.<PHONE> is their"),
        ("Hier nicht.+49 30 23125000 ist ihre Nummer", "Hier nicht.<PHONE> ist ihre"),
        ("Ici non.+33 6 12 34 56 78 est à eux", "Ici non.<PHONE> est à eux"),
        ("mail ada.king at quillmere dot com;", "mail <EMAIL>;"),
        ("escribe a ada.king arroba quillmere punto com;", "escribe a <EMAIL>;"),
        ("пиши: ada собака quillmere точка ru;", "пиши: <EMAIL>;"),
        ("SSN 859-56-0028.", "SSN <ID_NUMBER>."),
        ("social security number is 859560028.", "social security number is <ID_NUMBER>."),
        ("邮箱：用户@例子.公司", "邮箱：<EMAIL>"),
        ("Ada,+40 721 234 567,Cluj", "Ada,<PHONE>,Cluj"),
        ("tel,030 23125000", "tel,<PHONE>"),
        ("Ada,4111111111111111,12/27", "Ada,<CARD>,12/27"),
        ("Karte: 4222222222222", "Karte: <CARD>"),
        ("カード番号 4000000000000000006", "カード番号 <CARD>"),
        ("p.silva arroba quillmere ponto com ponto br é meu", "<EMAIL> é meu"),
        ("ada [at] quillmere [dot] co [dot] uk", "<EMAIL>"),
        ("ada[@]quillmere[.]net", "<EMAIL>"),
        ("ada AT quillmere DOT net", "<EMAIL>"),
        ("ada＠quillmere.net", "<EMAIL>"),
        ("My birthday is May 3, 1987", "My birthday is <BIRTH_DATE>"),
        ("My son Tom's birthday is May 3, 2012", "My son Tom's birthday is <BIRTH_DATE>"),
        ("pasaporte AAA123456", "pasaporte <ID_NUMBER>"),
        ("Reisepass C01X00T478", "Reisepass <ID_NUMBER>"),
    ],
)
def test_what_names_somebody_is_masked(text: str, expected: str) -> None:
    assert masked(text).startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "SSN 123-45-6789 and 000-12-3456",
        "CPF: 111.222.333-44",
        "Albert Einstein was born on March 14, 1879; date of birth: 14 March 1879",
        "She was born on 3 May 1970.",
        "Marie Curie's birthday is November 7, 1867.",
        "Taylor Swift's date of birth is December 13, 1989.",
        "MEET ME AT QUARRY DOT COM, [a-z]+[@]\\w+[.][a-z]{2,}",
        "ids: [123,4111111111111111], 4222222222222, 4000000000000000006",
        "1.319 590 8951 and 1.622 393 6616",
        "'http://username:password@host.com:80/path'",
        "Meet me at amazon dot com, or look at the dot com bubble",
        "ada@example.com, ada@mail.example.org, root@host.test",
        "8.8.8.8, 1.1.1.1, 192.0.2.1, 198.51.100.7, 203.0.113.9, 2001:db8::1, 2001:4860:4860::8888",
    ],
)
def test_what_names_nobody_stays(text: str) -> None:
    assert masked(text) == text
