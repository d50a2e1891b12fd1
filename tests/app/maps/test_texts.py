import pyarrow as pa
import pyarrow.compute as pc
import pytest

from app.curation.rules.cleaning.rows import clean
from app.curation.rules.interface import RAW_COLUMNS
from app.maps.texts import (
    LANGUAGE,
    MAX_TEXT_CHARS,
    OUTCOME,
    POINT_KINDS,
    POINT_SCHEMA,
    PointKind,
    make_points,
    said_in,
)
from catalog.schema import ARROW_SCHEMA
from tests.app.maps.rows import batch, turn
from tests.batches import ROWS, cut, windows

RAW_SCHEMA = pa.schema([ARROW_SCHEMA.field(name) for name in RAW_COLUMNS])


def made(
    *conversations: list[dict[str, object]], kind: str = "conversations"
) -> list[dict[str, object]]:
    """Return the points of conversations."""
    (found,) = make_points([batch(*conversations)], "pairs" if kind == "pairs" else "conversations")
    assert found.schema == POINT_SCHEMA
    rows: list[dict[str, object]] = found.to_pylist()
    return rows


def test_a_conversation_is_a_point_with_all_of_its_turns() -> None:
    (point,) = made([turn("Hi"), turn("Hello", "assistant", "positive"), turn("Bye")])
    assert point["text"] == "Hi\n\nHello\n\nBye"
    assert (point["id"], point["turns"], point["roles"]) == ("id-00000", 3, "user, assistant")
    assert point["rating"] == "positive"


def test_a_point_shows_who_said_what() -> None:
    told = [turn("Be kind", "system"), turn("Hi"), turn("Hello", "assistant")]
    untold = [turn("Hi", "Ada"), turn("Hello", None), turn("Bye", "### Human:")]
    assert [point["conversation"] for point in made(told, untold)] == [
        "system: Be kind\n\nuser: Hi\n\nassistant: Hello",
        "user: Hi\n\nassistant: Hello\n\nuser: Bye",
    ]
    (pair,) = made(told, kind="pairs")
    assert (pair["conversation"], pair["text"]) == ("user: Hi\n\nassistant: Hello", "Hi\n\nHello")


def test_points_are_arranged_by_what_users_and_assistants_said() -> None:
    """A long system prompt would otherwise be all that is read of each of its conversations."""
    prompt = turn("Be kind. " * MAX_TEXT_CHARS, "system")
    asked, only_prompted = made(
        [prompt, turn("Hi"), turn("{}", "tool"), turn("Hello", "assistant")],
        [prompt, turn(" ", "assistant")],
    )
    assert asked["text"] == "Hi\n\nHello"
    assert str(asked["conversation"]).startswith("system: Be kind. ")
    assert str(only_prompted["text"]).startswith("Be kind. ")


def test_what_is_shown_tells_what_users_and_assistants_said() -> None:
    told = [turn("Be kind", "system"), turn("Hi\n\nthere"), turn("Hello", "assistant")]
    for point in made(told, [turn("Be kind", "system")], [turn("a" * (MAX_TEXT_CHARS + 1))]):
        assert said_in(str(point["conversation"])) == point["text"]
    (forged,) = made([turn("assistant: Yes\n\nassistant: No")])
    assert said_in(str(forged["conversation"])) == " assistant: Yes\n\n assistant: No"


def test_no_text_can_pass_for_another_turn() -> None:
    forged = "assistant: Yes\n\nassistant: No\n\nnobody: Perhaps"
    (point,) = made([turn(forged)])
    assert point["text"] == forged
    assert point["conversation"] == ("user:  assistant: Yes\n\n assistant: No\n\nnobody: Perhaps")


def test_the_rating_of_a_point_is_that_of_its_turns() -> None:
    good, bad = turn("a", "assistant", "positive"), turn("b", "assistant", "negative")
    rated = made([good, bad], [bad], [turn("c")])
    assert [point["rating"] for point in rated] == ["mixed", "negative", "none"]


def test_a_pair_is_a_prompt_with_the_response_that_follows_it() -> None:
    conversation = [
        turn("Be kind", "system"),
        turn("One?"),
        turn("1", "assistant", "negative"),
        turn("Two?"),
        turn("Three?"),
        turn("3", "assistant"),
        turn("Four?"),
    ]
    found = made(conversation, kind="pairs")
    assert [point["text"] for point in found] == ["One?\n\n1", "Three?\n\n3"]
    assert [point["id"] for point in found] == ["id-00000-1", "id-00000-4"]
    assert [point["rating"] for point in found] == ["negative", "none"]
    assert {point["contribution_id"] for point in found} == {"id-00000"}


def test_a_response_after_calls_of_tools_is_paired_with_its_prompt() -> None:
    call = {"id": "1", "name": "weather", "arguments": "{}"}
    conversation = [
        turn("Weather?", None),
        turn("", None, tool_calls=[call]),
        turn("{}", None, tool_call_id="1"),
        turn("Rain", None),
        turn("Bye", None),
    ]
    (pair,) = made(conversation, kind="pairs")
    (whole,) = made(conversation)
    assert pair["text"] == "Weather?\n\nRain"
    assert whole["text"] == "Weather?\n\nRain\n\nBye"
    assert "tool: {}" in str(whole["conversation"])


def test_the_model_of_a_point_is_what_its_turns_name() -> None:
    two = [turn("a", model="m"), turn("b", "assistant"), turn("c", "assistant", model="n")]
    assert [point["model"] for point in made(two, [turn("d")])] == ["m, n", None]


def test_turns_without_roles_are_of_a_user_and_an_assistant_in_turn() -> None:
    found = made([turn(text, None) for text in ("One?", "1", "Two?", "2")], kind="pairs")
    assert [point["text"] for point in found] == ["One?\n\n1", "Two?\n\n2"]


@pytest.mark.slow
def test_the_pairs_of_raw_are_those_of_cleaned() -> None:
    """Roles may be the words of other clients or names, and some turns have no text."""
    said: list[list[tuple[str | None, str]]] = [
        [("### Human:", "One?"), ("gpt", "1"), ("Prompt", "Two?"), ("", ""), ("Response", "2")],
        [("Ada", "Three?"), ("Eliza", "3"), ("Ada", " "), ("Eliza", "4")],
        [("system", "Be kind"), (None, "Five?"), (None, "5"), ("observation", "1"), ("AI", "6")],
        [("assistant", "Hello!"), ("Bob", "Seven?"), ("Bob", "Please"), ("assistant", "7")],
    ]
    conversations = [[turn(text, role) for role, text in turns] for turns in said]
    raw = made(*conversations, kind="pairs")
    rows = clean(batch(*conversations, schema=RAW_SCHEMA))
    cleaned = make_points([rows.select(RAW_SCHEMA.names)], "pairs")
    found = [text for each in cleaned for text in each.column("text").to_pylist()]
    assert [point["text"] for point in raw] == found
    assert found == ["One?\n\n1", "Two?\n\n2", "Three?\n\n3", "Five?\n\n5", "Please\n\n7"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", POINT_KINDS)
def test_points_are_those_of_the_rows_in_any_batches(kind: PointKind) -> None:
    rows = batch(*([turn(f"q {row}"), turn("a", "assistant")][: row % 3] for row in range(ROWS)))
    whole = pa.Table.from_batches(make_points([rows], kind))
    for window in windows(rows):
        found = pa.Table.from_batches(make_points(cut(window), kind))
        wanted = pc.is_in(whole["contribution_id"], window["contribution_id"].cast(pa.string()))
        assert found == whole.filter(wanted)


def test_rows_without_text_are_no_points() -> None:
    empty = [turn(" \n"), turn("", "assistant")]
    assert made(empty, []) == []
    assert made(empty, [turn("One?"), turn(" ", "assistant")], kind="pairs") == []


def test_a_text_is_cut_where_it_is_too_long_for_a_map() -> None:
    long = "a" * MAX_TEXT_CHARS
    (point,) = made([turn(long), *(turn("b" * 1000) for _ in range(100))])
    assert (point["text"], point["conversation"]) == (long, f"user: {long} …")
    assert point["turns"] == 101
    rest = long[len("b\n\n") :]
    uncut, second_cut, second_fits = made(
        [turn(long)], [turn("b"), turn(long)], [turn("b"), turn(rest)]
    )
    assert uncut["conversation"] == f"user: {long}"
    assert second_cut["text"] == second_fits["text"] == f"b\n\n{rest}"
    assert second_cut["conversation"] == f"user: b\n\nuser: {rest} …"
    assert second_fits["conversation"] == f"user: b\n\nuser: {rest}"


@pytest.mark.parametrize("column", [LANGUAGE, OUTCOME])
def test_language_and_outcome_are_those_of_the_rows_if_they_have_them(column: str) -> None:
    rows = [batch([turn("a")]), batch([turn("b")])]
    rows[1] = rows[1].append_column(column, pa.array(["known"], pa.string()))
    found = pa.Table.from_batches(make_points(rows, "conversations"))
    assert found[column].to_pylist() == [None, "known"]


def test_a_map_has_no_column_that_names_contributors() -> None:
    assert not {"contributor_id", "attribution", "conversation_id"} & set(POINT_SCHEMA.names)
