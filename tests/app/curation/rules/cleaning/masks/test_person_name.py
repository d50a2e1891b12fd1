"""Names of people are masked by the recogniser that the rules are given."""

import pyarrow as pa

from app.curation.rules.cleaning.masks.order import apply_masks
from app.curation.rules.cleaning.rows import clean
from app.curation.rules.interface import RAW_COLUMNS
from catalog.records import ToolCall, Turn
from tests.app.curation.name_recognisers.titled import Everything, Titled
from tests.app.curation.rules.cleaning.batches import make_batch, texts


def test_a_name_becomes_a_placeholder_and_is_counted_beside_the_other_kinds() -> None:
    result, counts = apply_masks(texts("Mail Ms Ada King: ada@quillmere.net", None, "a"), Titled())

    assert result.to_pylist() == ["Mail Ms <PERSON_NAME>: <EMAIL>", None, "a"]
    assert (counts[:, -1].tolist(), counts.sum()) == ([1, 0, 0], 2)


def test_what_a_recogniser_finds_in_placeholders_or_without_letters_stays() -> None:
    given = texts("<EMAIL>", "12:30", "Ada <PHONE>", "Ada")

    result, counts = apply_masks(given, Everything())

    assert result.to_pylist() == ["<EMAIL>", "12:30", "Ada <PHONE>", "<PERSON_NAME>"]
    assert counts.sum(axis=1).tolist() == [0, 0, 0, 1]


def test_names_are_masked_in_what_is_said_but_not_in_names_of_models_and_tools() -> None:
    call = ToolCall("1", "Dr Watson", '{"to": "Dr Watson", "n": 1}')
    batch = make_batch(
        (
            Turn("Who is Dr Watson?", "user"),
            Turn("Ask Mr Holmes.", "assistant", model="Dr Watson", tool_calls=(call,)),
        )
    )

    row = clean(batch, Titled()).to_pylist()[0]

    question, answer = row["conversation"]
    assert question["content"] == "Who is Dr <PERSON_NAME>?"
    assert answer["content"] == "Ask Mr <PERSON_NAME>."
    assert answer["model"] == answer["tool_calls"][0]["name"] == "Dr Watson"
    assert answer["tool_calls"][0]["arguments"] == '{"to": "Dr <PERSON_NAME>", "n": 1}'
    assert row["masked"]["person_name"] == 3


def test_without_a_recogniser_names_stay() -> None:
    row = clean(make_batch((Turn("Dr Watson?", "user"), Turn("Yes.", "assistant")))).to_pylist()[0]

    assert row["conversation"][0]["content"] == "Dr Watson?"
    assert row["masked"]["person_name"] == 0


def test_a_cleaned_row_is_the_same_in_any_batch_and_when_it_is_cleaned_again() -> None:
    said = [(Turn(f"Is Dr Watson {n}?", "user"), Turn("Ms Hudson is.", "assistant")) for n in "ab"]

    both = clean(make_batch(*said), Titled())

    alone = [clean(make_batch(each), Titled()) for each in said]
    assert both.column("conversation").to_pylist() == (
        pa.chunked_array([each.column("conversation") for each in alone]).to_pylist()
    )
    again = clean(both.select(RAW_COLUMNS), Titled())
    assert again.column("conversation").equals(both.column("conversation"))
    assert again.column("masked").to_pylist()[0]["person_name"] == 0
