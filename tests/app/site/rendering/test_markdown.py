from time import thread_time

import pytest

from app.site.rendering.markdown import Colouring, render_markdown

LINES = "a\n" * 5_000
HOSTILE = [
    "<script>canary()</script>",
    "<img src=x onerror=canary()>",
    "[a](javascript:canary())",
    "[a](JaVaScRiPt&#58;canary())",
    "[a](data:text/html,<script>canary()</script>)",
    "![a](javascript:canary())",
    "<a href='javascript:canary()'>a</a>",
    "```html\n<script>canary()</script>\n```",
    '```"onload=canary() x\n1\n```',
    "<svg><animate onbegin=canary()></svg>",
    "a\u202e<b onclick=canary()>",
    "[a]: javascript:canary()\n\n[a]",
    '<http://x/"onmouseover=canary()>',
    "<style>*{background:url(//elsewhere)}</style>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_hostile_text_can_run_or_load(text: str) -> None:
    html = str(render_markdown(text)).lower()
    for forbidden in ("<script", "<img", "<svg", "<style", 'href="javascript', 'href="data', "<b "):
        assert forbidden not in html
    # What looks like a handler is text, between tags.
    assert not any(" on" in tag for tag in (part.partition(">")[0] for part in html.split("<")[1:]))


def test_what_people_write_is_shown_as_they_meant_it() -> None:
    html = render_markdown("# A\n\n*b* `c`\n\n| d | e |\n|---|---|\n| 1 | 2 |\n\n1. f\n")
    for part in ("<h1>A</h1>", "<em>b</em>", "<code>c</code>", "<td>2</td>", "<li>f</li>"):
        assert part in html


def test_headings_stand_below_those_of_the_page() -> None:
    html = render_markdown("# A\n\n## B\n\n###### C", level=2)
    for part in ("<h2>A</h2>", "<h3>B</h3>", "<h6>C</h6>"):
        assert part in html


def test_code_is_coloured_by_classes_if_its_language_is_known() -> None:
    assert '<span class="k">def</span>' in render_markdown("```python\ndef f(): pass\n```")
    assert "<span" not in render_markdown("```nonesuch\ndef f(): pass\n```")


@pytest.mark.parametrize("language", ["csharp", "autoit", "maple", "markdown"])
def test_code_that_takes_its_lexer_long_is_shown_as_it_is(language: str) -> None:
    began_s = thread_time()
    html = render_markdown(f"```{language}\n{LINES}```")
    assert thread_time() - began_s < 2
    assert "<span" not in html
    assert LINES in html


def test_all_texts_of_a_page_share_the_time_for_colours() -> None:
    spent = Colouring(left_s=0)
    assert "<span" not in render_markdown("```python\ndef f(): pass\n```", colouring=spent)


def test_long_code_is_shown_as_it_is() -> None:
    html = render_markdown("```python\n" + "x = 1\n" * 10_000 + "```")
    assert "<span" not in html
    assert html.count("x = 1") == 10_000


def test_a_picture_is_a_link_so_that_nothing_is_fetched() -> None:
    html = render_markdown("![tree](https://example.org/tree.png)")
    assert 'href="https://example.org/tree.png"' in html
    assert "noreferrer" in html
