# ruff: noqa: RUF001  # texts in many scripts are what this is about
import unicodedata
from random import Random

import pyarrow as pa
import pytest
from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad
from hypothesis import given
from hypothesis import strategies as st

from app.curation.rules.cleaning.columns import matching
from app.curation.rules.cleaning.mojibake import MAYBE_MOJIBAKE
from app.curation.rules.cleaning.text import MAYBE_NOT_NFC, repair
from tests.app.curation.rules.cleaning.batches import texts


def repaired(value: str) -> str:
    result: str = repair(texts(value))[0].as_py()
    return result


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("schÃ¶n, FranÃ§ais", "schön, Français"),
        ("â€œquotedâ€\x9d", "“quoted”"),
        ("РџСЂРёРІРµС‚", "Привет"),
        ("âœ” done", "✔ done"),
        ("l’Ã©tÃ©\nund schön", "l’été\nund schön"),
    ],
)
def test_mojibake_is_decoded(broken: str, whole: str) -> None:
    assert repaired(broken) == whole


@pytest.mark.parametrize(
    "kept",
    [
        'if (a &lt; b &amp;&amp; c) { printf("&quot;"); }',
        "“typographic” ‘quotes’, ｆｕｌｌ　ｗｉｄｔｈ， ﬁ and Ĳ",
        "\tdef f():\n\t\treturn 1  \n\n",
        "│ a │ b │\n├───┼───┤\n│ é │ ß │",
        "x = 10³ × ½ ± µ, naïve café, Œuvre, Ø, Â",
        "Привет, как дела? Γειά σου. 你好，世界。مرحبا שלום नमस्ते สวัสดี",
        "👩‍💻 🏴󠁧󠁢󠁷󠁬󠁳󠁿 می‌خواهم \u200f(rtl)\u200e \u2067x\u2069",
        "Z̴̧̛a̶l̷g̸o̵",
        r"\u00e9 and \x1b[0m and %C3%A9, written out",
    ],
)
def test_content_is_kept_byte_for_byte(kept: str) -> None:
    assert repaired(kept) == unicodedata.normalize("NFC", kept)


def test_control_characters_go_and_tab_and_newline_stay() -> None:
    assert repaired("a\x00b\x07c\x7fd\x0be\tf\ng") == "abcde\tf\ng"


def test_every_line_break_is_a_newline() -> None:
    assert repaired("a\r\nb\rc\u2028d\u2029e\n\r\nf") == "a\nb\nc\nd\ne\n\nf"


def test_colours_of_terminals_go_with_all_that_they_are_written_in() -> None:
    assert repaired("\x1b[1;31mred\x1b[0m, plain") == "red, plain"


def test_byte_order_marks_placeholders_of_objects_and_noncharacters_go() -> None:
    assert repaired("\ufeffa\ufffcb\ufffec\U0010ffffd\ufdd0e") == "abcde"


def test_letters_are_composed() -> None:
    assert repaired("e\u0301 \u1112\u1161\u11ab") == "é 한"


def test_a_null_stays_null_and_order_is_kept() -> None:
    assert repair(texts("é\r", None, "plain", "\x00")).to_pylist() == ["é\n", None, "plain", ""]


@pytest.mark.slow
def test_every_text_that_ftfy_would_change_is_passed_to_ftfy() -> None:
    """Our expression has to find every text that ftfy's own slow check calls mojibake."""
    letters = texts(*(chr(code) for code in range(0x80, 0x10000) if not 0xD800 <= code < 0xE000))
    known = "".join(MOJIBAKE_CATEGORIES.values())
    alphabet = letters.take(pa.array(matching(letters, f"[{known}]"))).to_pylist()
    random = Random(5)  # noqa: S311  # it makes texts
    made = [
        "".join(random.choices([*alphabet, *"ÂÃœŒ ab.вЂГўВ“”’√≈‚Ä°×²"], k=random.randrange(1, 6)))
        for _ in range(50_000)
    ]
    bad = [each for each in made if is_bad(each)]

    assert len(bad) > 10_000
    assert len(matching(texts(*bad), MAYBE_MOJIBAKE)) == len(bad)


@pytest.mark.slow
def test_every_character_that_normalizing_changes_is_normalized() -> None:
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    changing = [each for each in every if unicodedata.normalize("NFC", each) != each]

    assert len(matching(texts(*changing), MAYBE_NOT_NFC)) == len(changing) > 0


@given(
    st.text(alphabet=st.characters(codec="utf-8")) | st.text(alphabet="ÃÂâ€\x80\x93œé \x1b[0m\r\n")
)
def test_a_repaired_text_is_returned_as_it_is(value: str) -> None:
    once = repaired(value)

    assert repaired(once) == once
