"""Street addresses of many countries, and what looks like one."""

import pytest

from tests.app.curation.rules.cleaning.masks.masking import masked


@pytest.mark.parametrize(
    "address",
    [
        "2847 Larkspur Ln Apt 12, Dayton, OH 45429",
        "PO Box 3187, Boise, ID 83701",
        "8 Cherry Lane\nNashua, New Hampshire 03060",
        "55 Rue Principale Est, Magog, QC J1X 1Y5",
        "12 Wattle Street, Ballarat VIC 3350",
        "Flat 3, 9 Park Road, Leeds LS6 2AB",
        "Lindenweg 14b, 79104 Freiburg",
        "Berliner Straße 5, 10115 Berlin",
        "Keizersdreef 88, 3511 EB Utrecht",
        "Storgatan 4, 582 23 Linköping",
        "12 bis rue des Lilas, 31000 Toulouse",
        "Calle Mayor 27, 3º B, 28013 Madrid",
        "Rua das Flores, 231, Centro, 01310-100 São Paulo",
        "Via Garibaldi 9, 20121 Milano",
        "ul. Długa 7/12, 31-147 Kraków",
        "Na Cikánce 343, 613 74 Žandov",
        "ул. Ленина, д. 5, кв. 12",
        "Bağdat Cad. No: 5",
        "神奈川県横浜市西区中三依5丁目9番8号",
        "北京市海淀区学院路67号",
        "서울특별시 강남구 테헤란로 152",
    ],
)
def test_an_address_is_masked_as_a_whole(address: str) -> None:
    assert masked(f"-> {address} !") == "-> <STREET_ADDRESS> !"


@pytest.mark.parametrize(
    "text",
    [
        "Ship to 123 Main Street, Dayton, OH 45429, or to 9 Elm Road, Anytown, OH 12345.",
        "1600 Pennsylvania Avenue NW, Washington, DC 20500",
        "I bought 4 road bikes, 12 street lamps in Austin, TX; ZIP codes: TX 78701, OH 45429.",
        "There are 12 Monkeys on Main Street, Seattle, WA",
        "The 9th Street bridge in Pittsburgh, PA is 98 years old.",
        "Model AB12 3CD is a 5 way valve for Pipe Road systems",
        "Die Hauptstraße ist 12 Kilometer lang, 12345 Menschen wohnen dort.",
        "Sent via Twitter 3 times, 10000 people saw it.",
        "La rue compte 12 maisons et 31000 habitants.",
        "Top 10 Street Food Places, Portland, OR 2023 edition",
        "Spring 2, 2024 Edition and String 5, 12345 Users",
    ],
)
def test_what_only_looks_like_an_address_or_is_everybody_s_stays(text: str) -> None:
    assert masked(text) == text
