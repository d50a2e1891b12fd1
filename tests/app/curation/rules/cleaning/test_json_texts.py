import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.curation.rules.cleaning.json_texts import clean_json_once
from tests.app.curation.rules.cleaning.batches import texts

TEXTS = st.text(max_size=8) | st.sampled_from(
    [
        "ada@quillmere.net",
        "\nada@quillmere.net",
        "tel",
        "+442079460958",
        "\x00",
        "\ud800",
        "\\",
        '"',
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.just(442079460958) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


def cleaned(text: str) -> tuple[str, int]:
    """Return a text cleaned, and how much was masked in it."""
    result, counts = clean_json_once(texts(text))
    (made,) = result.to_pylist()
    return made, int(counts.sum())


@pytest.mark.parametrize(
    ("text", "expected", "masked"),
    [
        ('{"to":  "ada@quillmere.net"}', '{"to":  "<EMAIL>"}', 1),
        (r'{"text": "Hi\nada@quillmere.net"}', r'{"text": "Hi\n<EMAIL>"}', 1),
        (r'["\u0061da@quillmere.net"]', '["<EMAIL>"]', 1),
        ('{"phone": 2079460958}', '{"phone": "<PHONE>"}', 1),
        ('{"phone": "020 7946 0958", "n": 1.50}', '{"phone": "<PHONE>", "n": 1.50}', 1),
        ("4111111111111111", '"<CARD>"', 1),
        ('{"ada@quillmere.net": [{"a": "84.23.12.9"}]}', '{"<EMAIL>": [{"a": "<IP_ADDRESS>"}]}', 2),
        (r'{"a": "\u0000b\u001b[0m"}', '{"a": "b"}', 0),
        (
            r'["\ud800", "\ud83d\ude00"]',
            r'["\ufffd", "\ud83d\ude00"]'.replace(r"\ufffd", "\ufffd"),
            0,
        ),
    ],
)
def test_values_are_cleaned_as_the_texts_that_they_stand_for(
    text: str, expected: str, masked: int
) -> None:
    assert cleaned(text) == (expected, masked)
    json.loads(expected)


@pytest.mark.parametrize(
    "text",
    [
        '{ "a" :1e5,\r\n"b":[ ] }',
        r'{"path": "C:\\temp\\new", "e": "\u00e9\/"}',
        '{"a": 1, "a": 2}',
        "[" * 5_000 + "]" * 5_000,
        "9" * 10_000,
    ],
)
def test_json_without_anything_to_clean_stays_to_the_byte(text: str) -> None:
    assert cleaned(text) == (text, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("city=Bonn, ada@quillmere.net", "city=Bonn, <EMAIL>"),
        ('{"to": "ada@quillmere.net", "cut', '{"to": "<EMAIL>", "cut'),
        ("4111 1111 1111 1111", "<CARD>"),
        ("{'to': 'ada@quillmere.net'}\x00", "{'to': '<EMAIL>'}"),
    ],
)
def test_what_is_not_json_is_cleaned_as_any_text(text: str, expected: str) -> None:
    assert cleaned(text) == (expected, 1)


def test_texts_are_cleaned_the_same_in_any_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    column = texts(
        *(f'["{n}", "ada{n}@quillmere.net", {n % 7 * 10**6}]' * (n % 3) for n in range(9))
    )
    whole, counts = clean_json_once(column)
    monkeypatch.setattr("app.curation.rules.cleaning.json_texts.BLOCK_BYTES", 40)
    blocks, counts_of_blocks = clean_json_once(column)
    assert blocks.equals(whole)
    assert (counts_of_blocks == counts).all()


def test_a_key_block_over_several_values_does_not_break_the_json() -> None:
    text = json.dumps(["-----BEGIN PRIVATE KEY-----", {"a": "x"}, "-----END PRIVATE KEY-----"])

    assert json.loads(cleaned(text)[0])[1] == {"a": "x"}


@pytest.mark.slow
@settings(deadline=None)
@given(VALUES, st.sampled_from([None, 1]))
def test_json_stays_json_and_keeps_its_shape(value: object, indent: int | None) -> None:
    once, _ = cleaned(json.dumps(value, indent=indent))

    assert shape(json.loads(once)) == shape(value)


def shape(value: object) -> object:
    """Return a value without its texts and numbers; of a dict only values, since keys may meet."""
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return "dict" if isinstance(value, dict) else ""
