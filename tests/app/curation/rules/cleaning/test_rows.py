# ruff: noqa: RUF001  # texts in several scripts
import hashlib

import pyarrow as pa
import pytest

from app.curation.pipeline.row_cleaner import BATCH_ROWS
from app.curation.rules.cleaning.rows import CLEANED, clean
from app.curation.rules.interface import MEASURED, RAW_COLUMNS
from catalog.records import AlternativeTurn, ToolCall, Turn
from catalog.stages.tables import COMPUTED_STAGES, MASK_KINDS
from tests.app.curation.rules.cleaning.batches import batch_of, make_batch, said
from tests.app.curation.rules.cleaning.cleaned import (
    CALL,
    NOT_GIVEN,
    PICTURE,
    again,
    cleaned,
    contents,
    turns_of,
)
from tests.batches import assert_row_by_row, sizes_around
from tests.factories import make_received, make_turns


def masked(batch: pa.RecordBatch) -> dict[str, int]:
    return {kind: many for kind, many in cleaned(batch)["masked"].items() if many}


def test_the_result_has_the_columns_of_the_stage_without_measures_and_a_reason() -> None:
    stage = COMPUTED_STAGES["cleaned"].arrow_schema

    assert clean(said("Hi", "Ho")).schema == CLEANED
    by_others = {*MEASURED, "sequence_number"}
    assert CLEANED.names == [*(name for name in stage.names if name not in by_others), "reason"]
    assert set(MEASURED) <= set(stage.names)
    for name in CLEANED.names[:-1]:
        assert CLEANED.field(name).type == stage.field(name).type
        assert CLEANED.field(name).nullable == stage.field(name).nullable


def test_a_conversation_gets_repaired_texts_roles_and_masks() -> None:
    conversation = [
        Turn("schÃ¶n\r\nfrom ada@quillmere.net", "prompter"),
        Turn("Ho\x00", "bot", "negative", stopped=True, edited_content="cafe\u0301, +442079460958"),
    ]

    row = cleaned(make_batch(conversation))

    assert row["conversation"] == [
        {
            "role": "user",
            "content": "schön\nfrom <EMAIL>",
            "rating": None,
            "stopped": False,
            "edited_content": None,
            **NOT_GIVEN,
        },
        {
            "role": "assistant",
            "content": "Ho",
            "rating": "negative",
            "stopped": True,
            "edited_content": "café, <PHONE>",
            **NOT_GIVEN,
        },
    ]
    assert row["masked"] == {kind: int(kind in {"email", "phone"}) for kind in MASK_KINDS}
    assert row["reason"] is None


def test_identifying_columns_are_kept() -> None:
    raw = make_received(2, "Hi", "Ho", source="app", contributor_id="ada", attribution="Ada L.")

    row = cleaned(batch_of([raw]))

    assert row["contribution_id"] == raw.contribution_id
    assert row["received_at"] == raw.received_at
    assert (row["source"], row["agent_id"]) == ("app", "test-agent")
    assert (row["contributor_id"], row["attribution"]) == ("ada", "Ada L.")


def test_names_of_programs_are_masked_and_the_contributors_own_are_not() -> None:
    row = cleaned(
        make_batch(
            make_turns("Hi", "Ho"),
            source="https://ada:Zx81kQ9@quillmere.net/v1",
            agent_id="ada@quillmere.net",
            contributor_id="ada@quillmere.net",
            attribution="Ada <ada@quillmere.net>",
        )
    )

    assert row["source"] == "https://<URL_CREDENTIALS>@quillmere.net/v1"
    assert row["agent_id"] == "<EMAIL>"
    assert row["contributor_id"] == "ada@quillmere.net"
    assert row["attribution"] == "Ada <ada@quillmere.net>"
    assert set(row["masked"].values()) == {0}


def test_masks_are_counted_over_content_and_edited_content_of_all_turns() -> None:
    turns = [
        Turn("a@quillmere.net b@quillmere.net", "user"),
        Turn("c@quillmere.net", "assistant", edited_content="d@quillmere.net 4111 1111 1111 1111"),
    ]

    assert masked(make_batch(turns)) == {"email": 4, "card": 1}


def test_the_content_hash_is_of_roles_and_contents_in_their_canonical_form() -> None:
    form = "user\x1fHi\nthere\x1eassistant\x1fHo é"

    row = cleaned(said("Hi\r\nthere", "Ho e\u0301"))

    assert row["content_hash"] == hashlib.sha256(form.encode()).hexdigest()


def test_equal_texts_have_the_same_content_hash_despite_ratings() -> None:
    plain = [Turn("Hi", "human"), Turn("Ho", "gpt")]
    judged = [Turn("Hi", None), Turn("Ho\x00", None, "positive", edited_content="Hey")]

    one, other = clean(make_batch(plain, judged))["content_hash"].to_pylist()

    assert one == other


def test_other_roles_other_words_and_other_turns_have_other_content_hashes() -> None:
    batch = make_batch(
        make_turns("Hi", "Ho"),
        [Turn("Hi", "system"), Turn("Ho", "assistant")],
        make_turns("Hi", "Ho!"),
        make_turns("Hi", "Ho", "Hi"),
        make_turns("HiHo"),
        [Turn("Hi", "user"), Turn("Ho", "user")],
    )

    assert len(set(clean(batch)["content_hash"].to_pylist())) == 6


def test_the_language_is_that_of_the_whole_conversation() -> None:
    row = cleaned(
        said("Wie wird das Wetter morgen in Berlin?", "Morgen scheint die Sonne, und es wird warm.")
    )

    assert row["language"] == "de"
    assert row["language_confidence"] > 0.9


def test_combining_marks_after_masked_text_are_removed() -> None:
    # U+0338 would combine with the last character of the placeholder.
    assert contents(said("ada@quillmere.net\u0338\u0301, you know", "Ho"))[0] == "<EMAIL>, you know"


def test_cleaning_cleaned_rows_changes_nothing_and_counts_no_masks() -> None:
    once = clean(said("schÃ¶n\r\nada@quillmere.net", "Ho\x00 +442079460958"))

    twice = clean(again(once))

    none_masked = dict.fromkeys(MASK_KINDS, 0)
    assert twice.to_pylist() == [{**row, "masked": none_masked} for row in once.to_pylist()]


def test_no_row_is_cleaned_to_no_row() -> None:
    assert clean(batch_of([])).num_rows == 0
    assert clean(batch_of([])).schema == CLEANED


@pytest.mark.slow
def test_a_row_is_cleaned_to_the_same_in_any_batch() -> None:
    sizes = sizes_around(BATCH_ROWS)
    texts = ("Hi", "schÃ¶n\r\n", "ada@quillmere.net", " ", "Ho\x00")
    conversations = [
        [Turn(texts[(row + turn) % len(texts)] + "!" * (row % 3)) for turn in range(row % 4)]
        for row in range(max(sizes) + 9)
    ]

    assert_row_by_row(clean, make_batch(*conversations), sizes)


def small_type(kind: pa.DataType) -> pa.DataType:
    """Return a type of Arrow with short strings and lists in the place of large ones."""
    if pa.types.is_large_list(kind):
        return pa.list_(small_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, small_type(field.type)) for field in kind])
    return pa.string() if pa.types.is_large_string(kind) else kind


def test_arrows_small_types_of_strings_and_lists_are_read_too() -> None:
    call = Turn("", "assistant", tool_calls=(ToolCall(name="x", arguments="{}"),))
    batch = make_batch([*make_turns("Hi", "ada@quillmere.net"), call], source="app", title="T")
    small = {name: small_type(batch.schema.field(name).type) for name in RAW_COLUMNS}
    arrays = [batch[name].cast(kind) for name, kind in small.items()]

    assert clean(pa.RecordBatch.from_arrays(arrays, names=list(small))).equals(clean(batch))


def test_the_language_is_of_what_users_and_assistants_say() -> None:
    system = ("system", "You are a helpful assistant who answers politely and briefly. " * 20)
    chat = [
        ("user", "海边的小镇为什么会有那么多旧灯塔？"),
        ("assistant", "旧灯塔用来提醒夜里航行的船只。"),
    ]

    assert cleaned(make_batch(turns_of(system, *chat)))["language"] == "zh"


def test_the_languages_of_turns_are_told_where_they_differ() -> None:
    asked = ("user", "Please translate into German: why does this program not work today?")
    answered = ("assistant", "Warum funktioniert dieses Programm heute nicht?")
    alike = make_turns("Warum regnet es heute?", "Weil ein Tief über uns liegt.")

    result = clean(make_batch(turns_of(asked, answered), alike))

    assert result["turn_languages"].to_pylist() == [["en", "de"], None]


def test_labels_whose_keys_become_the_same_are_one() -> None:
    labels = {"ada@quillmere.net": "1", "bob@quillmere.net": "2", "\ufeff": "3", "mood": ""}

    row = cleaned(make_batch(make_turns("Hi", "Ho"), labels=labels))

    assert row["labels"] == [("<EMAIL>", "1"), ("mood", "")]


def test_conversations_that_differ_in_calls_have_other_content_hashes() -> None:
    ask = Turn("Rain?", "user")
    calls = [
        None,
        (CALL,),
        (CALL, CALL),
        (ToolCall("call_1", "weather", '{"city": "Köln"}'),),
        (ToolCall("call_1", "rain", '{"city": "Bonn"}'),),
        (ToolCall(name="weather"),),
    ]
    batch = make_batch(*([ask, Turn("Yes", "assistant", tool_calls=made)] for made in calls))

    assert len(set(clean(batch)["content_hash"].to_pylist())) == len(calls)


def test_how_a_conversation_came_about_is_not_in_its_content_hash() -> None:
    ask = Turn("Rain?", "user")
    plain = [ask, Turn("Yes", "assistant", tool_calls=(CALL,))]
    other_id = ToolCall("call_2", CALL.name, CALL.arguments)
    more = Turn(
        "Yes",
        "assistant",
        reasoning="Hm",
        tool_calls=(other_id,),
        name="Ada",
        model="m",
        attachments=(PICTURE,),
        alternatives=((AlternativeTurn("No"),),),
    )

    one, other = clean(make_batch(plain, [ask, more], labels={"a": "b"}))["content_hash"]

    assert one == other


def test_what_tools_answer_does_not_tell_the_language() -> None:
    data = '{"temperature": "warm", "forecast": "sunshine in the morning, rain in the evening"}' * 5
    turns = [
        Turn("Wie wird das Wetter morgen in Berlin?", "user"),
        Turn("", "assistant", tool_calls=(CALL,)),
        Turn(data, "tool", tool_call_id="call_1"),
        Turn("Morgen scheint die Sonne, und es wird warm.", "assistant"),
    ]

    row = cleaned(make_batch(turns))

    assert (row["language"], row["language_confidence"]) == ("de", pytest.approx(1, abs=0.1))
