import re
from html import unescape

import pytest
from markdown_it import MarkdownIt

from app.releases.credits import MAX_NAME_CHARS
from app.releases.descriptions.markdown import code, share, text

HOSTILE = [
    "a | b\n| c | 1 |",
    "</td></table><script>alert(1)</script>",
    "[x](javascript:alert(1)) ![y](http://evil.example/y.png)",
    "`code` *bold* _it_ ~~gone~~ # 1",
    "http://evil.example www.evil.example a@evil.example",
    "{{ manifest }} {% raw %}",
    "\\| \\\\|",
    "&lt;b&gt; &#124;",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_in_its_cell_and_shows_as_it_is(name: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {code(name)} | 1 |\n"
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(table)
    cells = re.findall("<td>(.*?)</td>", page)
    assert [unescape(cell) for cell in cells] == [" ".join(name.split()), "1"]


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200f", "\u200b", "\ufeff", "\x00", "\x1b"])
def test_what_is_invisible_or_changes_direction_is_left_out(mark: str) -> None:
    assert code(f"a{mark}b") == "ab"
    assert code(mark) == "(nothing that shows)"
    assert text(mark) == ""


@pytest.mark.parametrize("letter", ["a", "é", "|"])
def test_a_long_name_is_cut_off(letter: str) -> None:
    shown = code(letter * 10_000)
    assert shown.endswith("…")
    assert len(shown) <= 2 * MAX_NAME_CHARS + 1
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (1, 3, "33.3 %"),
        (0, 3, "0.0 %"),
        (1, 100_000, "under 0.1 %"),
        (3, 3, "100.0 %"),
        (0, 0, "-"),
    ],
)
def test_a_share_is_in_percent(part: int, whole: int, shown: str) -> None:
    assert share(part, whole) == shown
