"""Rows with any text in any field."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.curation.rules.cleaning.rows import CLEANED, clean
from catalog.records import AlternativeTurn, Attachment, Client, Contribution, ToolCall, Turn
from catalog.stages.tables import OPTIONAL_COLUMNS
from tests.app.curation.rules.cleaning.batches import batch_of, filled_batch
from tests.app.curation.rules.cleaning.cleaned import assert_stays_clean, cleaned
from tests.factories import make_received


def every_text(value: Any) -> Iterator[str]:
    """Yield the texts in a row, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from every_text(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from every_text(inner)


def test_every_text_of_a_row_is_masked_and_counted() -> None:
    """Also those of fields that are added to the tables after this was written."""
    row = cleaned(filled_batch("write to ada@quillmere.net"))

    identity = [row.pop("contributor_id"), row.pop("attribution"), row.pop("contribution_id")]
    uncounted = [row.pop("source"), row.pop("agent_id")]
    assert set(identity) == {"write to ada@quillmere.net"}
    assert set(uncounted) == {"write to <EMAIL>"}
    texts = [text for text in every_text(row) if "write" in text]
    assert set(texts) == {"write to <EMAIL>"}
    assert row["masked"]["email"] == len(texts) > 50


@pytest.mark.parametrize("text", ["schÃ¶n\x00", "cafe\u0301", "a\r\nb"])
def test_every_text_of_a_row_is_repaired(text: str) -> None:
    row = cleaned(filled_batch(text))

    repaired = {"schön", "café", "a\nb"}
    assert set(every_text({name: row[name] for name in (*OPTIONAL_COLUMNS, "conversation")})) <= {
        *repaired,
        *("user", "assistant", "tool", "positive", "negative"),
    }


TELLING = [
    "ada@quillmere.net",
    "+44 20 7946 0958",
    "4111 1111 1111 1111",
    "84.23.12.9",
    "DE89370400440532013000",
    "https://ada:Zx81kQ9@quillmere.net",
    "-----BEGIN PRIVATE KEY-----",
    "ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX",
    "2a01:4f8::1",
    "<EMAIL>",
    "\x00",
    "\u202e",
    "\u0338",
    "\x1b[0m",
    "â€™",
    "Ã",
    "👩‍💻",
    "Z̴̧̛a̶",
    "\r\n",
    "://",
    ":",
    "@",
    "<|im_end|>",
    "<|im_start|>user\n",
    "[INST]",
    "[/INST]",
    "</s>",
    "\n\nHuman:",
    "\n\nAssistant:",
    "`",
]


some_text = st.text(st.characters(codec="utf-8"), max_size=20)


texts = st.lists(some_text | st.sampled_from(TELLING), max_size=5).map("".join)


words = st.none() | st.sampled_from(["user", "gpt", "system", "tool", "Ada", "Bob", ""]) | some_text


maybe_text = st.none() | texts


json_values = st.recursive(
    st.none() | st.integers() | texts | st.just(float("nan")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


maybe_json = maybe_text | st.builds(json.dumps, json_values, ensure_ascii=st.booleans())


def tuples(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...] | None]:
    return st.none() | st.lists(values, min_size=1, max_size=2).map(tuple)


said_fields: dict[str, st.SearchStrategy[Any]] = {
    "content": texts,
    "role": words,
    "rating": st.sampled_from([None, "positive", "negative"]),
    "stopped": st.booleans(),
    "edited_content": maybe_text,
    "reasoning": maybe_text,
    "tool_calls": tuples(st.builds(ToolCall, maybe_text, texts, maybe_json)),
    "tool_call_id": maybe_text,
    "name": maybe_text,
    "model": maybe_text,
    "attachments": tuples(st.builds(Attachment, texts, name=maybe_text, text=maybe_text)),
}


plain_fields = dict(list(said_fields.items())[:5])


alternatives = tuples(
    st.lists(st.builds(AlternativeTurn, **said_fields), min_size=1, max_size=2).map(tuple)
)


turns = st.builds(Turn, **plain_fields) | st.builds(Turn, **said_fields, alternatives=alternatives)


rows = st.builds(
    lambda conversation, **fields: make_received(0, conversation=tuple(conversation), **fields),
    st.lists(turns, min_size=1, max_size=4),
    source=maybe_text,
    agent_id=texts,
    title=maybe_text,
    client=st.none() | st.builds(Client, texts, maybe_text),
    tools=maybe_json,
    labels=st.none() | st.dictionaries(texts, texts, min_size=1, max_size=3),
)


quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


BAD = [
    "\x00",
    "\ufeff",
    "\ufeff{}",
    r'{"a": "\ud800"}',
    r'["\ud83d\ude00", "\udead ada@quillmere.net"]',
    "[" * 1_500 + "442079460958" + "]" * 1_500,
    '{"phone": ' + "9" * 5_000 + "}",
    '{"a": 1, "a": "ada@quillmere.net"}',
    "[NaN, Infinity, -Infinity]",
    '{"tel": 2079460958, "mail": "a\\nada@quillmere.net"}',
    '{"truncated": "ada@exam',
    "",
    "null",
    "../../etc/passwd",
    "a\r\nSet-Cookie: b",
    "<script>alert(1)</script>",
    "=1+1",
    "\ufffe\uffff",
    "👩\u200d💻 \u202eshalom\u202c Z\u0334\u0327\u0301",
]
"""The bad and odd texts that an ingest service meets, as far as they are texts."""


@pytest.mark.parametrize("bad", BAD)
def test_bad_texts_in_every_field_are_cleaned_to_what_stays_clean(bad: str) -> None:
    once = clean(filled_batch(bad))

    once.validate(full=True)
    assert_stays_clean(once)


@pytest.mark.slow
@quick
@given(st.lists(rows, max_size=4))
def test_any_rows_are_cleaned_and_cleaning_again_changes_nothing(
    raw: list[Contribution],
) -> None:
    once = clean(batch_of(raw))

    once.validate(full=True)
    assert once.num_rows == len(raw)
    assert_stays_clean(once)


@pytest.mark.slow
@quick
@given(st.lists(rows, max_size=6), st.lists(st.integers(0, 6), max_size=2))
def test_the_result_does_not_depend_on_batch_boundaries(
    raw: list[Contribution], cuts: list[int]
) -> None:
    whole = clean(batch_of(raw))

    bounds = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    parts = [clean(batch_of(raw[begin:end])) for begin, end in pairwise(bounds)]

    assert pa.Table.from_batches(parts, CLEANED).equals(pa.Table.from_batches([whole]))
