import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.curation.pipeline.row_cleaner import BATCH_ROWS
from app.curation.rules.cleaning.rows import CLEANED, clean
from app.curation.rules.interface import RAW_COLUMNS
from catalog.records import Contribution, Turn
from catalog.stages import COMPUTED_STAGES, MASK_KINDS
from tests.app.curation.rules.cleaning.batches import batch_of, make_batch, said
from tests.batches import assert_row_by_row, sizes_around
from tests.factories import make_received, make_turns


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


def test_the_result_has_the_columns_of_the_stage_without_signals_and_bands_and_a_reason() -> None:
    stage = COMPUTED_STAGES["cleaned"].arrow_schema

    assert clean(said("Hi", "Ho")).schema == CLEANED
    assert [*CLEANED.names, "signals", "bands"] == [
        *(name for name in stage.names if name not in {"signals", "bands"}),
        "reason",
        "signals",
        "bands",
    ]
    for name in CLEANED.names[:-1]:
        assert CLEANED.field(name).type == stage.field(name).type
        assert CLEANED.field(name).nullable == stage.field(name).nullable


def test_a_conversation_gets_repaired_texts_roles_and_masks() -> None:
    conversation = [
        Turn("schÃ¶n\r\nfrom ada@example.org", "prompter"),
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
        },
        {
            "role": "assistant",
            "content": "Ho",
            "rating": "negative",
            "stopped": True,
            "edited_content": "café, <PHONE>",
        },
    ]
    assert row["masked"] == {kind: int(kind in {"email", "phone"}) for kind in MASK_KINDS}
    assert row["reason"] is None


def test_identifying_columns_are_kept() -> None:
    raw = make_received(2, "Hi", "Ho", source="app", submitter_id="ada", attribution="Ada L.")

    row = cleaned(batch_of([raw]))

    assert row["contribution_id"] == raw.contribution_id
    assert row["received_at"] == raw.received_at
    assert (row["source"], row["agent_id"]) == ("app", "test-agent")
    assert (row["submitter_id"], row["attribution"]) == ("ada", "Ada L.")


def test_names_of_programs_are_masked_and_the_contributors_own_are_not() -> None:
    row = cleaned(
        make_batch(
            make_turns("Hi", "Ho"),
            source="https://ada:secret@example.org/v1",
            agent_id="ada@example.org",
            submitter_id="ada@example.org",
            attribution="Ada <ada@example.org>",
        )
    )

    assert row["source"] == "https://<URL_CREDENTIALS>@example.org/v1"
    assert row["agent_id"] == "<EMAIL>"
    assert row["submitter_id"] == "ada@example.org"
    assert row["attribution"] == "Ada <ada@example.org>"
    assert set(row["masked"].values()) == {0}


def test_masks_are_counted_over_content_and_edited_content_of_all_turns() -> None:
    turns = [
        Turn("a@example.org b@example.org", "user"),
        Turn("c@example.org", "assistant", edited_content="d@example.org 4111 1111 1111 1111"),
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
    assert contents(said("ada@example.org\u0338\u0301, you know", "Ho"))[0] == "<EMAIL>, you know"


def test_cleaning_cleaned_rows_changes_nothing_and_counts_no_masks() -> None:
    once = clean(said("schÃ¶n\r\nada@example.org", "Ho\x00 +442079460958"))

    twice = clean(again(once))

    none_masked = dict.fromkeys(MASK_KINDS, 0)
    assert twice.to_pylist() == [{**row, "masked": none_masked} for row in once.to_pylist()]


def test_no_row_is_cleaned_to_no_row() -> None:
    assert clean(batch_of([])).num_rows == 0
    assert clean(batch_of([])).schema == CLEANED


def test_a_row_is_cleaned_to_the_same_in_any_batch() -> None:
    sizes = sizes_around(BATCH_ROWS)
    texts = ("Hi", "schÃ¶n\r\n", "ada@example.org", " ", "Ho\x00")
    conversations = [
        [Turn(texts[(row + turn) % len(texts)] + "!" * (row % 3)) for turn in range(row % 4)]
        for row in range(max(sizes) + 9)
    ]

    assert_row_by_row(clean, make_batch(*conversations), sizes)


def test_arrows_small_types_of_strings_and_lists_are_read_too() -> None:
    batch = make_batch(make_turns("Hi", "ada@example.org"), source="app")
    turn = pa.struct(
        [
            (name, pa.bool_() if name == "stopped" else pa.string())
            for name in Turn.__struct_fields__
        ]
    )
    small = {name: pa.string() for name in RAW_COLUMNS}
    small |= {"received_at": pa.timestamp("us", "UTC"), "conversation": pa.list_(turn)}
    arrays = [batch[name].cast(kind) for name, kind in small.items()]

    assert clean(pa.RecordBatch.from_arrays(arrays, names=list(small))).equals(clean(batch))


TELLING = [
    "ada@example.org",
    "+44 20 7946 0958",
    "4111 1111 1111 1111",
    "84.23.12.9",
    "DE89370400440532013000",
    "https://ada:secret@example.org",
    "-----BEGIN PRIVATE KEY-----",
    "ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX",
    "2001:db8::1",
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
]
some_text = st.text(st.characters(codec="utf-8"), max_size=20)
texts = st.lists(some_text | st.sampled_from(TELLING), max_size=5).map("".join)
words = st.none() | st.sampled_from(["user", "gpt", "system", "tool", "Ada", "Bob", ""]) | some_text
turns = st.builds(
    Turn,
    content=texts,
    role=words,
    rating=st.sampled_from([None, "positive", "negative"]),
    stopped=st.booleans(),
    edited_content=st.none() | texts,
)
rows = st.builds(
    lambda conversation, source, agent_id: make_received(
        0, conversation=tuple(conversation), source=source, agent_id=agent_id
    ),
    st.lists(turns, min_size=1, max_size=4),
    st.none() | texts,
    texts,
)
quick = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
@quick
@given(st.lists(rows, max_size=4))
def test_any_rows_are_cleaned_and_cleaning_again_changes_nothing(
    raw: list[Contribution],
) -> None:
    once = clean(batch_of(raw))
    twice = clean(again(once))

    once.validate(full=True)
    assert once.num_rows == len(raw)
    assert twice.drop_columns("masked").equals(once.drop_columns("masked"))
    assert all(not any(each.values()) for each in twice["masked"].to_pylist())


@pytest.mark.slow
@quick
@given(st.lists(rows, max_size=6), st.lists(st.integers(0, 6)))
def test_the_result_does_not_depend_on_batch_boundaries(
    raw: list[Contribution], cuts: list[int]
) -> None:
    whole = clean(batch_of(raw))

    bounds = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    parts = [clean(batch_of(raw[begin:end])) for begin, end in pairwise(bounds)]

    assert pa.Table.from_batches(parts, CLEANED).equals(pa.Table.from_batches([whole]))
