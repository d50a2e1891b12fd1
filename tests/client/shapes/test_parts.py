import pytest

from chatlake_client.shapes.parts import joined


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("a", "b", "a-b"),
        ("", "b", "b"),
        ("a", "", "a"),
        (None, "b", "b"),
        ("a", None, "a"),
        (None, "", ""),
        ("", None, ""),
        (None, None, None),
    ],
)
def test_only_texts_that_say_something_are_joined(
    before: str | None, text: str | None, expected: str | None
) -> None:
    assert joined(before, text, "-") == expected
