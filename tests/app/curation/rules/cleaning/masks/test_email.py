# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
import pytest

from tests.app.curation.rules.cleaning.masks.masking import masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail ada.king at quillmere dot com;", "mail <EMAIL>;"),
        ("escribe a ada.king arroba quillmere punto com;", "escribe a <EMAIL>;"),
        ("пиши: ada собака quillmere точка ru;", "пиши: <EMAIL>;"),
        ("邮箱：用户@例子.公司", "邮箱：<EMAIL>"),
        ("p.silva arroba quillmere ponto com ponto br é meu", "<EMAIL> é meu"),
        ("ada [at] quillmere [dot] co [dot] uk", "<EMAIL>"),
        ("ada[@]quillmere[.]net", "<EMAIL>"),
        ("ada AT quillmere DOT net", "<EMAIL>"),
        ("ada＠quillmere.net", "<EMAIL>"),
    ],
)
def test_an_address_is_masked_as_it_is_written_and_said(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "MEET ME AT QUARRY DOT COM, [a-z]+[@]\\w+[.][a-z]{2,}",
        "Meet me at amazon dot com, or look at the dot com bubble",
        "ada@example.com, ada@mail.example.org, root@host.test",
    ],
)
def test_what_is_nobody_s_address_stays(text: str) -> None:
    assert masked(text) == text
