import unicodedata

import pytest

from app.site.rendering import marks
from app.site.rendering.marks import brief, visible


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\tb\nc",
        "שלום עולם",
        "نمی\u200cدانم",  # noqa: RUF001  # Persian
        "क्\u200dष",
        "👩\u200d👩\u200d👧 ❤\ufe0f",
        "e\u0301 ﷽",
        "<b>&amp;</b> {{ 7 }}",
    ],
)
def test_text_that_can_be_seen_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a⟦U+202E⟧b"),
        ("\u2066x\u2069", "⟦U+2066⟧x⟦U+2069⟧"),
        ("zero\u200bwidth\ufeff", "zero⟦U+200B⟧width⟦U+FEFF⟧"),
        ("\x00\x1b[31m\x7f", "⟦U+0000⟧⟦U+001B⟧[31m⟦U+007F⟧"),
        ("a\U000e0041b", "a⟦U+E0041⟧b"),
        ("pass\u200dword", "pass⟦U+200D⟧word"),
        ("\u200c\u200d\u200c", "⟦U+200C⟧⟦U+200D⟧⟦U+200C⟧"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_line_breaks_of_every_kind_are_line_feeds() -> None:
    assert visible("a\r\nb\rc\nd") == "a\nb\nc\nd"


def test_no_control_and_no_mark_of_direction_is_left() -> None:
    every = "".join(map(chr, range(0x3000)))
    left = {each for each in visible(every) if unicodedata.category(each) == "Cc"}
    assert left == {"\t", "\n"}
    assert not set(visible(every)) & set("\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u200b\u2060")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("abc", "abc"), ("abcd", "abc…"), ("\u202e", "⟦U+…"), ("a" * 10**6, "aaa…")],
)
def test_a_long_text_is_cut_where_it_is_written_out(text: str, shown: str) -> None:
    assert brief(text, 3) == shown


def test_no_more_of_a_text_is_looked_at_than_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    def counted(text: str) -> str:
        looked_at.append(len(text))
        return text

    monkeypatch.setattr(marks, "visible", counted)
    # Written out as a whole, it would take 600 MB.
    assert brief("\u202e" * 5_000_000, 100) == "\u202e" * 100 + "…"
    assert looked_at == [100]
