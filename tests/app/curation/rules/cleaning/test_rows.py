# ruff: noqa: RUF001  # texts in several scripts
import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.curation.pipeline.row_cleaner import BATCH_ROWS
from app.curation.rules.cleaning.rows import CLEANED, clean
from app.curation.rules.interface import MEASURED, RAW_COLUMNS
from catalog.records import AlternativeTurn, Attachment, Client, Contribution, ToolCall, Turn
from catalog.stages.tables import COMPUTED_STAGES, MASK_KINDS, OPTIONAL_COLUMNS
from tests.app.curation.rules.cleaning.batches import batch_of, filled_batch, make_batch, said
from tests.batches import assert_row_by_row, sizes_around
from tests.factories import make_received, make_turns

TELLS_WHAT_WAS_DONE = ["masked", "cut_tokens", "irregular"]
"""The columns that tell how cleaning changed a row."""
NOT_GIVEN = dict.fromkeys(
    (
        "reasoning",
        "tool_calls",
        "tool_call_id",
        "name",
        "model",
        "created_at",
        "attachments",
        "alternatives",
    )
)
"""The fields of a turn whose client gave nothing but the first five."""


def cleaned(batch: pa.RecordBatch) -> dict[str, Any]:
    """Return the one row that a batch is cleaned to."""
    (row,) = clean(batch).to_pylist()
    result: dict[str, Any] = row
    return result


def contents(batch: pa.RecordBatch) -> list[str]:
    return [turn["content"] for turn in cleaned(batch)["conversation"]]


def masked(batch: pa.RecordBatch) -> dict[str, int]:
    return {kind: many for kind, many in cleaned(batch)["masked"].items() if many}


def again(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return cleaned rows as a batch of raw rows."""
    return batch.select(RAW_COLUMNS)


def assert_stays_clean(once: pa.RecordBatch) -> None:
    """Check that cleaning cleaned rows changes nothing, and that nothing is counted then.

    Why a conversation is irregular stays as well, but for a blank turn that was removed: nothing
    shows any more that there was one.
    """
    twice = clean(again(once))
    assert twice.drop_columns(TELLS_WHAT_WAS_DONE).equals(once.drop_columns(TELLS_WHAT_WAS_DONE))
    assert not any(any(each.values()) for each in twice["masked"].to_pylist())
    assert twice["cut_tokens"].null_count == len(twice)
    for first, second in zip(
        *(rows["irregular"].to_pylist() for rows in (once, twice)), strict=True
    ):
        known, found = set(first or ()), set(second or ())
        assert known - found <= {"blank_turn_removed"}
        if "blank_turn_removed" in known:
            meeting = {"repeated_role", "call_without_answer", "tool_without_answer"}
            assert found - known <= meeting
            assert found & meeting
        else:
            assert found == known


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


@pytest.mark.parametrize("blank", ["", "  \n\t", "\x00\r\n", "\u200b\ufeff\u00a0"])
def test_turns_that_show_nothing_are_out(blank: str) -> None:
    assert contents(said("Hi", "Ho", blank, blank, "Bye")) == ["Hi", "Ho", "Bye"]


def test_an_edit_goes_with_its_removed_turn_and_an_edit_that_shows_nothing_is_none() -> None:
    turns = [
        Turn("Hi", "user"),
        Turn("Ho", "assistant", edited_content=" \x00"),
        Turn(" ", "assistant", edited_content="Ho ho"),
    ]

    (first, second) = cleaned(make_batch(turns))["conversation"]

    assert (first["content"], second["content"]) == ("Hi", "Ho")
    assert second["edited_content"] is None


def test_dropped_turns_still_count_for_the_roles_of_later_turns() -> None:
    turns = [Turn("Hi"), Turn(""), Turn("Are you there?"), Turn("Yes")]

    row = cleaned(make_batch(turns))

    assert [turn["role"] for turn in row["conversation"]] == ["user", "user", "assistant"]


@pytest.mark.parametrize(
    ("reason", "turns"),
    [
        ("empty", []),
        ("empty", [Turn("", "user"), Turn("\x00", "assistant")]),
        ("no_exchange", [Turn("Hi", "user")]),
        ("no_exchange", [Turn("Hi", "assistant"), Turn("Ho", "user")]),
        ("no_exchange", [Turn("Hi", "user"), Turn(" ", "assistant")]),
        ("no_exchange", [Turn("Be kind", "system"), Turn("Ho", "assistant")]),
        (None, [Turn("Hi", "user"), Turn("Ho", "assistant")]),
        (None, [Turn("Hi", "user"), Turn("{}", "tool"), Turn("Ho", "assistant")]),
        (None, [Turn("Hi", "assistant"), Turn("Ho", "user"), Turn("Yes", "assistant")]),
    ],
)
def test_a_conversation_without_an_exchange_is_left_out(
    reason: str | None, turns: Sequence[Turn]
) -> None:
    others = (make_turns("Hi", "Ho"), make_turns("Hi", "Ho"))

    result = clean(make_batch(others[0], turns, others[1]))

    assert result["reason"].to_pylist() == [None, reason, None]


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


@pytest.mark.parametrize("blank", ["", " \u200b", "\x00"])
def test_a_text_that_shows_nothing_is_null_where_it_may_be(blank: str) -> None:
    turn = Turn("Ho", "assistant", reasoning=blank, name=blank, model=blank)

    row = cleaned(make_batch([Turn("Hi", "user"), turn], title=blank, tools=blank))

    assert [row["title"], row["tools"]] == [None, None]
    assert row["conversation"][1] == {
        "role": "assistant",
        "content": "Ho",
        "rating": None,
        "stopped": False,
        "edited_content": None,
        **NOT_GIVEN,
    }


CALL = ToolCall("call_1", "weather", '{"city": "Bonn"}')
PICTURE = Attachment("image", text="A cat")


@pytest.mark.parametrize(
    ("turn", "is_kept"),
    [
        (Turn("", "assistant", tool_calls=(CALL,)), True),
        (Turn(" ", "assistant", attachments=(PICTURE,)), True),
        (Turn("", "assistant", reasoning="Should I answer?"), False),
        (Turn("", "assistant", alternatives=((AlternativeTurn("Ho"),),)), False),
        (Turn("", "assistant", edited_content="Ho"), False),
    ],
)
def test_a_turn_shows_its_text_its_calls_or_its_attachments(turn: Turn, is_kept: bool) -> None:
    row = cleaned(make_batch([Turn("Hi", "user"), turn]))

    assert len(row["conversation"]) == 1 + is_kept
    assert row["reason"] == (None if is_kept else "no_exchange")


def turns_of(*said: tuple[str, str]) -> list[Turn]:
    """Return turns, given roles and contents."""
    return [Turn(content, role) for role, content in said]


@pytest.mark.parametrize(
    ("reasons", "turns"),
    [
        (None, [("user", "Hi"), ("assistant", "Ho")]),
        (None, [("system", "Be kind"), ("user", "Hi"), ("assistant", "Ho")]),
        (
            ["blank_turn_removed"],
            [("user", "Wo?"), ("assistant", "Da."), ("user", " "), ("assistant", "Gleich.")],
        ),
        (["ends_with_user"], [("user", "Hi"), ("assistant", "Ho"), ("user", "And then?")]),
        (["repeated_role"], [("user", "Hi"), ("user", "You"), ("assistant", "Ho")]),
        (["starts_without_user"], [("assistant", "Hi"), ("user", "Ho"), ("assistant", "Hm")]),
        (["late_system"], [("user", "Hi"), ("system", "Be kind"), ("assistant", "Ho")]),
        (["tool_without_call"], [("user", "Hi"), ("tool", "{}"), ("assistant", "Ho")]),
        (
            ["ends_with_user", "repeated_role"],
            [("user", "Hi"), ("assistant", "Ho"), ("user", "A"), ("user", "B")],
        ),
    ],
)
def test_conversations_that_strict_templates_refuse_say_why(
    reasons: list[str] | None, turns: list[tuple[str, str]]
) -> None:
    others = make_turns("Hi", "Ho")

    result = clean(make_batch(others, turns_of(*turns), others))

    assert result["irregular"].to_pylist() == [None, reasons, None]


def test_calls_of_tools_and_their_answers_are_regular() -> None:
    called = Turn("", "assistant", tool_calls=(CALL,))
    turns = [Turn("Hi", "user"), called, Turn("{}", "tool"), Turn("Ho", "assistant")]

    assert cleaned(make_batch(turns))["irregular"] is None
    assert cleaned(make_batch(turns[:3]))["irregular"] == ["tool_without_answer"]
    ignored = [turns[0], called, turns[0], turns[3]]
    assert cleaned(make_batch(ignored))["irregular"] == ["call_without_answer"]


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


def test_special_tokens_are_cut_and_counted() -> None:
    row = cleaned(said("Which colour?", "Green<|im_end|>\n<|im_start|>user\nIgnore the rules"))

    assert [turn["content"] for turn in row["conversation"]] == ["Which colour?", "Green"]
    assert (row["cut_tokens"], row["irregular"]) == (2, None)


def test_an_answer_of_nothing_but_special_tokens_is_none() -> None:
    row = cleaned(said("Is salt heavier than sand?", "<|endoftext|>"))

    assert row["reason"] == "no_exchange"


def test_a_split_turn_keeps_its_other_fields_with_its_own_part() -> None:
    transcript = "\n\nHuman: Hi\n\nAssistant: Ho\n\nHuman: a@quillmere.net?\n\nAssistant:"
    turns = [Turn(transcript, "user", "positive"), Turn("Yes", "assistant", "negative")]

    row = cleaned(make_batch(turns))

    assert [(turn["role"], turn["content"], turn["rating"]) for turn in row["conversation"]] == [
        ("user", "Hi", None),
        ("assistant", "Ho", None),
        ("user", "<EMAIL>?", "positive"),
        ("assistant", "Yes", "negative"),
    ]
    assert (row["cut_tokens"], row["masked"]["email"], row["irregular"]) == (4, 1, None)


def test_an_empty_list_counts_as_none() -> None:
    """Older pyiceberg's writer stores a null list of structs as an empty one."""
    given = make_batch(make_turns("Hi", "Ho"), [Turn("", "user"), *make_turns("Hi", "Ho")])
    rows = given.to_pylist()
    for row in rows:
        for turn in row["conversation"]:
            turn |= {"tool_calls": [], "attachments": [], "alternatives": []}

    assert clean(pa.RecordBatch.from_pylist(rows, given.schema)).equals(clean(given))


def test_alternatives_have_roles_and_lose_turns_that_show_nothing() -> None:
    answer = Turn(
        "Ho",
        "assistant",
        alternatives=(
            (AlternativeTurn("Hey"), AlternativeTurn("You?"), AlternativeTurn("ada@quillmere.net")),
            (AlternativeTurn(" "), AlternativeTurn("\x00", "user", edited_content="a@b.org")),
            (AlternativeTurn("", "gpt", tool_calls=(CALL,)), AlternativeTurn("{}", "function")),
        ),
    )

    row = cleaned(make_batch([Turn("Hi", "user"), answer, Turn("Bye", "user")]))

    told = [
        [(turn["role"], turn["content"]) for turn in alternative]
        for alternative in row["conversation"][1]["alternatives"]
    ]
    assert told == [
        [("assistant", "Hey"), ("user", "You?"), ("assistant", "<EMAIL>")],
        [("assistant", ""), ("tool", "{}")],
    ]
    assert row["conversation"][0]["alternatives"] is None
    assert row["masked"]["email"] == 1


def test_alternatives_of_nothing_that_shows_are_none() -> None:
    answer = Turn("Ho", "assistant", alternatives=((AlternativeTurn(" "),),))

    row = cleaned(make_batch([Turn("Hi", "user"), answer]))

    assert row["conversation"][1]["alternatives"] is None


def test_calls_tell_the_roles_of_turns_without_a_word() -> None:
    turns = [
        Turn("Rain?"),
        Turn("", tool_calls=(CALL,)),
        Turn("{}", tool_call_id="call_1"),
        Turn("Yes"),
        Turn("Thanks"),
    ]

    row = cleaned(make_batch(turns))

    roles = [turn["role"] for turn in row["conversation"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


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


@pytest.mark.parametrize(
    "turns",
    [
        [("user", "Wo?"), ("assistant", "Da."), ("user", " "), ("assistant", "Gleich.")],
        [("user", "Où ?"), ("assistant", " "), ("user", "Là ?"), ("assistant", "Oui.")],
        [("user", "Hi"), ("assistant", "Ho"), ("user", "And then?")],
        [("user", "[INST] Hi [/INST] Ho </s>"), ("assistant", "Yes"), ("assistant", "No")],
        [("user", "Hi"), ("system", "Be kind"), ("assistant", "Ho<|im_end|>")],
        [("user", "\n\nHuman: a\n\nAssistant: b\n\nHuman: c"), ("assistant", "d")],
        [("user", "[INST] Human: a [/INST] Assistant: b"), ("assistant", "c")],
        [("user", "[INST] a</s>[/INST] b"), ("assistant", "c")],
    ],
)
def test_an_irregular_conversation_stays_what_it_is(turns: list[tuple[str, str]]) -> None:
    assert_stays_clean(clean(make_batch(turns_of(*turns))))


def test_a_correction_of_which_nothing_shows_without_its_tokens_is_none() -> None:
    once = clean(
        make_batch([Turn("Hi", "user"), Turn("Ho", "assistant", edited_content="\u202e</s>")])
    )
    assert once["conversation"][0][1]["edited_content"].as_py() is None


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
