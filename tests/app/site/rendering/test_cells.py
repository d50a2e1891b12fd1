from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.site.rendering.cells import MAX_CHARACTERS, cell_of, is_number, messages_cell


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        (None, "null", "null"),
        (True, "true", "text"),
        (7, "7", "number"),
        (0.1 + 0.2, "0.3", "number"),
        (-0.0, "0", "number"),
        (float("nan"), "nan", "number"),
        (Decimal("1.50"), "1.50", "number"),
        ("=1+1", "=1+1", "text"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02 03:04:05Z", "text"),
        (date(2026, 1, 2), "2026-01-02", "text"),
        (b"ab", '"YWI="', "text"),
        ([{"a": 1, "b": None, "c": []}], '[{"a": 1}]', "text"),
    ],
)
def test_a_value_becomes_a_short_text(value: Any, text: str, kind: str) -> None:
    cell = cell_of(value)
    assert (cell.text, cell.kind, cell.is_cut) == (text, kind, False)


def test_a_long_value_is_cut_and_says_so() -> None:
    cell = cell_of("a" * (MAX_CHARACTERS + 1))
    assert len(cell.text) == MAX_CHARACTERS
    assert cell.is_cut


def test_messages_say_who_says_what() -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert messages_cell(messages).text == "user: Hi · assistant: Hello"


def test_only_finite_numbers_are_drawn() -> None:
    assert is_number(1)
    assert not is_number(float("inf"))
    assert not is_number("1")
