import pyarrow as pa
import pytest
from markdown_it import MarkdownIt

from app.releases.credits import encode_credits, shown
from app.releases.tally import Tally


def rendered(text: str) -> str:
    """Return text as a reader of Markdown shows it that lets HTML through."""
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


def test_names_are_listed_with_the_largest_share_first_and_anonymous_ones_counted() -> None:
    page = encode_credits("2026-11", {"Bob": 2, "Ada": 2, "Zoë Ngọc": 30}, 7).decode()
    lines = page.splitlines()
    assert lines[0] == "# Credits of 2026-11"
    assert lines[-5:-1] == ["- Zoë Ngọc: 30", "- Ada: 2", "- Bob: 2", ""]
    assert lines[-1] == "Contributed without a name to credit: 7"
    assert encode_credits("x", {}, 0).endswith(b"a name to credit: 0\n")


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "[click](https://evil.example)",
        "![x](https://evil.example/x.png)",
        "<https://evil.example>",
        "&lt;b&gt; &#60;b&#62;",
        "`code` **bold** _em_ ~~gone~~",
        "# Heading",
        "- item",
        "1. one",
        "a | b | c",
        "\\[x](y)",
        "<img src=x onerror=alert(1)>",
        "[ref]: https://evil.example",
        "javascript:alert(1)",
        "=====",
    ],
)
def test_a_name_is_shown_as_it_is_and_nothing_is_read_into_it(name: str) -> None:
    page = encode_credits("x", {name: 1}, 0).decode()
    html = rendered(page)
    without = rendered(encode_credits("x", {"NAME": 1}, 0).decode())
    for tag in ("<a", "<script", "<img", "<code", "<strong", "<em", "<b>", "<table"):
        assert tag not in html
    # The same structure, whatever the name.
    assert html.count("<") == without.count("<")
    (item,) = [line for line in html.splitlines() if line.startswith("<li>")]
    words = item.removeprefix("<li>").removesuffix(": 1</li>").replace("\u2060", "")
    for character, entity in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        words = words.replace(character, entity)
    assert words == name


@pytest.mark.parametrize("name", ["www.evil.example", "http://evil.example", "a@evil.example"])
def test_an_address_in_a_name_is_not_one_that_sites_link(name: str) -> None:
    html = rendered(f"- {shown(name)}")
    for start in ("www.e", "://", "@e"):
        assert start not in html


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Ada\nLovelace\r\n# x", "AdaLovelace"),
        ("Ada\x00\x1b[31m", "Ada"),
        ("\u202eevil\u2066", "evil"),
        ("👩\u200d🔬 a\u200cb", "👩\u200d🔬 a\u200cb"),
        ("x" * 500, "x" * 200),
    ],
)
def test_what_cannot_be_seen_or_turns_the_text_is_left_out(name: str, kept: str) -> None:
    assert shown(name).startswith(kept)
    assert "\n" not in shown(name)
    assert "\u202e" not in shown(name)


def test_names_that_differ_by_spaces_are_one_and_blank_ones_are_anonymous() -> None:
    tally = Tally()
    names = ["Ada", " Ada ", "Ada\n", None, "", "  ", "Ada L", "Ada  L"]
    tally.add(pa.record_batch({"attribution": pa.array(names, pa.large_string())}))
    assert tally.credits == {"Ada": 3, "Ada L": 2}
    assert tally.anonymous == 3
