from typing import Any

import pytest

from app.site.rendering.turns import TEXT_CHARACTERS, TurnRenderer, beginning, part_of

MOST_BYTES = 300_000


def turn(content: str, role: str = "user", **fields: Any) -> dict[str, Any]:
    return {"content": content, "role": role, **fields}


def test_markdown_is_rendered_and_its_headings_are_not_those_of_the_page() -> None:
    (shown,) = TurnRenderer().page([turn("# Big\n\n*fine* `code`")], 1)
    assert shown.content
    assert shown.content.html == (
        '<p class="heading">Big</p>\n<p><em>fine</em> <code>code</code></p>\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "[a](javascript:alert(1))",
        "[a](data:text/html,<script>1</script>)",
        "![a](https://evil.example/x.png)",
        '<svg onload="alert(1)">',
        "```<script>\n<script>alert(1)</script>\n```",
        '[a](https://a.example "\\" onclick=alert(1) x=")',
        "<style>*{display:none}</style><base href=//evil.example>",
    ],
)
def test_hostile_text_is_shown_and_makes_no_element_that_runs_or_loads(text: str) -> None:
    (shown,) = TurnRenderer(marks_masks=True).page([turn(text)], 1)
    assert shown.content
    html = shown.content.html.lower()
    for element in ("<script", "<img", "<svg", "<style", "<base", "javascript:", "data:"):
        assert element not in html.replace("[a](javascript:alert(1))", "").replace(
            "[a](data:text/html,", ""
        )


def test_masks_are_marked_in_stages_and_only_there() -> None:
    turns = [turn("Write to <EMAIL> or <PERSON_NAME>")]
    (marked,) = TurnRenderer(marks_masks=True).page(turns, 1)
    (plain,) = TurnRenderer().page(turns, 1)
    assert marked.content
    assert plain.content
    assert '<mark class="mask">email</mark> or <mark class="mask">person name</mark>' in (
        marked.content.html
    )
    assert "&lt;EMAIL&gt;" in plain.content.html


def test_a_long_turn_is_cut_and_its_parts_are_all_of_it() -> None:
    text = "word " * 200_000
    (shown,) = TurnRenderer().page([turn(text)], 1)
    assert shown.content
    assert shown.content.is_cut
    assert shown.content.characters == len(text)
    assert len(shown.content.html) < 2 * TEXT_CHARACTERS
    parts = part_of(text, 1)[1]
    assert "".join(part_of(text, number)[0] for number in range(1, parts + 1)) == text


@pytest.mark.slow
@pytest.mark.parametrize("text", ["&" * 20_000, "*a*" * 9_000, "汉" * 20_000, "\u202e" * 20_000])
def test_a_page_stays_small_whatever_its_turns_are(text: str) -> None:
    alternatives = [[turn(text), turn(text)] for _ in range(30)]
    calls = [{"name": text, "id": text, "arguments": text}] * 100
    files = [{"kind": text, "name": text, "text": text}] * 100
    made = turn(
        text,
        reasoning=text,
        edited_content=f"{text} ",
        alternatives=alternatives,
        tool_calls=calls,
        attachments=files,
        name=text,
        model=text,
    )
    page = TurnRenderer().page([made] * 5, 1)
    assert len(page) == 1
    assert len(str(page).encode()) < 2 * MOST_BYTES
    html = [each.html for each in texts_of(page[0])]
    assert sum(len(each.encode()) for each in html) < MOST_BYTES


def texts_of(value: Any) -> list[Any]:
    """Return every text of a shown turn."""
    if hasattr(value, "html"):
        return [value]
    if isinstance(value, list | tuple):
        return [text for each in value for text in texts_of(each)]
    names = getattr(value, "__slots__", ())
    return [text for name in names for text in texts_of(getattr(value, name))]


def test_pages_of_many_turns_follow_each_other() -> None:
    turns = [turn(f"number {number} " * 100) for number in range(1, 301)]
    seen: list[int] = []
    while len(seen) < len(turns):
        seen += [each.number for each in TurnRenderer().page(turns, len(seen) + 1)]
    assert seen == list(range(1, 301))


def test_instructions_and_results_of_tools_are_folded_when_they_are_long() -> None:
    long = "text " * 400
    turns = [turn(long, "system"), turn("2", "tool"), turn(long, "assistant")]
    assert [each.is_folded for each in TurnRenderer().page(turns, 1)] == [True, False, False]


def test_a_conversation_begins_with_what_was_said_first() -> None:
    turns = [turn("be good", "system"), turn(" "), turn("Why \n is\u202e the sky blue?")]
    assert beginning(turns) == "Why is⟦U+202E⟧ the sky blue?"
    assert beginning([turn("a" * 300)], 10) == "a" * 10 + "…"
    assert beginning([]) == ""
