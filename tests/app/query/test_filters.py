from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from app.query.filters import EXACT_COLUMNS, FIRST_DAY, LAST_DAY, NULLABLE_COLUMNS, Filters
from app.query.snapshots import Reference
from app.services import Services, services_of
from catalog.columns.arrow import to_arrow
from catalog.reading.plans import plan
from catalog.records import AlternativeTurn, Contribution, Rating, ToolCall, Turn
from tests.batches import ROWS, windows
from tests.factories import FIRST_DAY as DAY_0
from tests.factories import commit_batch, make_received
from tests.lakes import LakeTemplate, opened_app
from tests.old_lakes import in_first_columns

SOURCES = (None, "app", "script")
SUBMITTERS = (None, "ada", "bob")
AGENTS = ("m", "n")
RATINGS: tuple[tuple[Rating | None, ...], ...] = (
    (None,),
    ("positive",),
    (None, "negative", "positive", "positive"),
)
DAYS = (0, 1, 3)


def day(number: int) -> date:
    return (DAY_0 + timedelta(days=number)).date()


def make_rated(day_number: int, ratings: tuple[Rating | None, ...], **fields: Any) -> Contribution:
    turns = tuple(Turn(f"turn {i}", rating=rating) for i, rating in enumerate(ratings))
    return make_received(day_number, conversation=turns, **fields)


def every_combination() -> list[Contribution]:
    return [
        make_rated(number, ratings, source=source, contributor_id=submitter, agent_id=agent)
        for number, ratings, source, submitter, agent in product(
            DAYS, RATINGS, SOURCES, SUBMITTERS, AGENTS
        )
    ]


def meets(filters: Filters, row: Contribution) -> bool:
    """Tell whether filters select a row, computed in plain Python."""
    received = row.received_at.date()
    named = ("source", "contributor_id", "agent_id")
    return (
        (filters.day_from is None or received >= filters.day_from)
        and (filters.day_to is None or received <= filters.day_to)
        and all(getattr(filters, name) in {None, getattr(row, name)} for name in named)
        and (
            filters.rating is None
            or any(turn.rating == filters.rating for turn in row.conversation)
        )
    )


SELECTIONS: list[dict[str, Any]] = [
    {},
    {"day_from": day(1)},
    {"day_to": day(1)},
    {"day_from": day(1), "day_to": day(1)},
    {"day_from": day(2), "day_to": day(2)},
    {"day_from": day(3), "day_to": day(0)},
    {"day_from": day(0), "day_to": day(3)},
    {"source": "app"},
    {"source": "none such"},
    {"contributor_id": "ada"},
    {"agent_id": "n"},
    {"rating": "positive"},
    {"rating": "negative"},
    {"source": "app", "contributor_id": "bob"},
    {"day_from": day(1), "source": "script", "rating": "negative"},
    {
        "day_from": day(3),
        "day_to": day(3),
        "source": "app",
        "contributor_id": "ada",
        "agent_id": "m",
        "rating": "positive",
    },
]


@pytest.mark.slow
def test_filters_alone_and_combined_agree_with_plain_python(services: Services) -> None:
    rows = every_combination()
    half = len(rows) // 2
    commit_batch(services, *rows[half:])
    commit_batch(services, *rows[:half])
    view = services.reading.snapshots.view(Reference())
    for selection in SELECTIONS:
        filters = Filters(**selection)
        expected = sorted(row.contribution_id for row in rows if meets(filters, row))
        batches = services.reading.contributions.stream(view, filters)
        streamed = [value for batch in batches for value in batch["contribution_id"].to_pylist()]
        assert sorted(streamed) == expected, selection
        assert services.reading.contributions.count(view, filters) == len(expected), selection
        page = services.reading.contributions.page(view, filters, len(rows), None)
        assert page.rows["contribution_id"].to_pylist() == expected, selection
        assert page.last_id is None


def test_a_day_filter_plans_the_files_of_that_day_alone(services: Services) -> None:
    commit_batch(services, *(make_received(number) for number in DAYS))
    snapshot = commit_batch(services, *(make_received(number) for number in DAYS))
    view = services.reading.snapshots.view(Reference())
    condition = Filters(day_from=day(1), day_to=day(1)).pushed_down()
    assert {file.day for file in plan(view.table, snapshot, condition)} == {day(1)}


@pytest.mark.parametrize("column", ["source", "contributor_id", "agent_id"])
def test_a_filter_on_a_column_plans_only_files_whose_bounds_hold_the_value(
    services: Services, column: str
) -> None:
    commit_batch(services, make_received(0, **{column: "aaa"}))
    snapshot = commit_batch(services, make_received(0, **{column: "zzz"}))
    view = services.reading.snapshots.view(Reference())
    named: dict[str, Any] = {column: "zzz"}
    condition = Filters(**named).pushed_down()
    assert len(plan(view.table, snapshot, condition)) == 1


CONVERSATIONS = [
    (Turn("one", "user"),),
    (Turn("one", "user"), Turn("two", "assistant", "positive")),
    (Turn("one", "system"), Turn("two", "user", "negative"), Turn("", None)),
]


@pytest.fixture(scope="module")
def rows(shared_services: Services) -> list[Contribution]:
    """The rows of the shared lake, one for each of the conversations."""
    made = [make_received(0, conversation=turns) for turns in CONVERSATIONS]
    commit_batch(shared_services, *made)
    return made


@pytest.mark.parametrize("extreme", [date.min, FIRST_DAY, LAST_DAY, date.max])
def test_any_day_of_the_calendar_can_bound_a_selection(
    shared_services: Services, rows: list[Contribution], extreme: date
) -> None:
    view = shared_services.reading.snapshots.view(Reference())
    is_past = extreme < day(0)
    from_it, up_to_it = Filters(day_from=extreme), Filters(day_to=extreme)
    assert shared_services.reading.contributions.count(view, from_it) == (
        len(rows) if is_past else 0
    )
    assert shared_services.reading.contributions.count(view, up_to_it) == (
        0 if is_past else len(rows)
    )


@pytest.mark.parametrize(("rating", "expected"), [("positive", [2, 3]), ("negative", [3])])
def test_ratings_are_found_in_a_slice_of_a_batch(
    rating: Literal["positive", "negative"], expected: list[int]
) -> None:
    rows = [
        make_rated(0, ("positive", "negative"), agent_id="0"),
        make_rated(0, (None,), agent_id="1"),
        make_rated(0, (None, "positive"), agent_id="2"),
        make_rated(0, ("positive", "negative", "positive"), agent_id="3"),
    ]
    batch: pa.RecordBatch = to_arrow(rows).to_batches()[0].slice(1)
    selected = Filters(rating=rating).select(batch)
    assert selected["agent_id"].to_pylist() == [str(number) for number in expected]


def found(services: Services, **selection: Any) -> list[str]:
    """Return the ids of the selected contributions, in their order."""
    view = services.reading.snapshots.view(Reference())
    batches = services.reading.contributions.stream(view, Filters(**selection), ["contribution_id"])
    return sorted(value for batch in batches for value in batch["contribution_id"].to_pylist())


@pytest.mark.parametrize("column", EXACT_COLUMNS)
def test_each_column_is_compared_with_its_value_and_never_with_another(
    services: Services, column: str
) -> None:
    rows = [make_received(0, **{column: value}) for value in ("a", "A", "a ", "")]
    rows += [make_received(0, **{column: None})] if column in NULLABLE_COLUMNS else []
    commit_batch(services, *rows)
    assert found(services, **{column: "a"}) == [rows[0].contribution_id]
    assert found(services, **{column: "none such"}) == []


@pytest.mark.parametrize("column", NULLABLE_COLUMNS)
def test_contributions_that_lack_a_column_are_found_by_that(
    services: Services, column: str
) -> None:
    rows = [make_received(0, **{column: value}) for value in ("a", "", None)]
    commit_batch(services, *rows)
    assert found(services, absent=frozenset({column})) == [rows[2].contribution_id]
    assert found(services, absent=frozenset({column}), **{column: "a"}) == []


def test_only_columns_that_a_contribution_may_lack_can_be_absent() -> None:
    assert set(EXACT_COLUMNS) - set(NULLABLE_COLUMNS) == {
        "conversation_id",
        "agent_id",
        "content_hash",
    }


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"min_turns": 2}, [1, 2]),
        ({"max_turns": 2}, [0, 1]),
        ({"min_turns": 2, "max_turns": 2}, [1]),
        ({"min_turns": 3, "max_turns": 1}, []),
        ({"min_turns": 0}, [0, 1, 2]),
        ({"max_turns": 0}, []),
        ({"role": "assistant"}, [1]),
        ({"role": "user"}, [0, 1, 2]),
        ({"role": "User"}, []),
        ({"role": "system", "rating": "negative"}, [2]),
        ({"role": "assistant", "rating": "negative"}, []),
        ({"rating": "positive", "q": "TWO", "role": "user", "min_turns": 2}, [1]),
    ],
)
def test_conditions_on_turns_may_be_met_by_one_turn_each(
    shared_services: Services,
    rows: list[Contribution],
    selection: dict[str, Any],
    expected: list[int],
) -> None:
    ids = [rows[number].contribution_id for number in expected]
    assert found(shared_services, **selection) == ids


FULL = [
    make_received(0, "plain"),
    make_received(0, conversation=(Turn("a", model="m"), Turn("b", model="n"))),
    make_received(0, conversation=(Turn("a", tool_calls=(ToolCall(name="f"),)),)),
    make_received(0, tools="[]", labels={"a": "b:c", "x": ""}),
    make_received(0, conversation=(Turn("a", alternatives=((AlternativeTurn("b"),),)),)),
    make_received(0, labels={"a": "b", "d": "e"}),
]


@contextmanager
def lake_of_full(template: LakeTemplate, home: Path) -> Iterator[Services]:
    """Yield the services of a lake with the conversations that have more than texts."""
    with opened_app(template.copy(home)) as opened:
        made = services_of(opened)
        commit_batch(made, *FULL)
        yield made


@pytest.fixture(scope="module")
def full(
    lake_template: LakeTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """The services of a lake with conversations that have more than texts."""
    with lake_of_full(lake_template, tmp_path_factory.mktemp("full") / "home") as made:
        yield made


@pytest.fixture(scope="module")
def old(
    lake_template: LakeTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """The services of a lake with these conversations in a file of the first columns."""
    with lake_of_full(lake_template, tmp_path_factory.mktemp("old") / "home") as made:
        for file in made.reading.snapshots.view(Reference()).files():
            path = file.path.removeprefix("file://")
            pq.write_table(in_first_columns(pq.read_table(path)), path)
        yield made


FULL_SELECTIONS = pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"model": "m"}, [1]),
        ({"model": "M"}, []),
        ({"has_tools": True}, [2, 3]),
        ({"has_tools": False}, [0, 1, 4, 5]),
        ({"has_alternatives": True}, [4]),
        ({"has_alternatives": False}, [0, 1, 2, 3, 5]),
        ({"labels": ("a",)}, [3, 5]),
        ({"labels": ("a:b",)}, [5]),
        ({"labels": ("a:b:c",)}, [3]),
        ({"labels": ("x:",)}, [3]),
        ({"labels": ("a", "d:e")}, [5]),
        ({"labels": ("b",)}, []),
        ({"model": "n", "min_turns": 2, "has_tools": False, "q": "B"}, [1]),
    ],
)


@FULL_SELECTIONS
def test_what_conversations_have_beside_texts_selects_them(
    full: Services, selection: dict[str, Any], expected: list[int]
) -> None:
    assert found(full, **selection) == [FULL[number].contribution_id for number in expected]
    # With conversations, too, and in any slice of a batch.
    view = full.reading.snapshots.view(Reference())
    filters = Filters(**selection)
    (batch,) = to_arrow(FULL).to_batches()
    for start in range(len(FULL)):
        ids = [FULL[number].contribution_id for number in expected if number >= start]
        assert filters.select(batch.slice(start))["contribution_id"].to_pylist() == ids
    assert full.reading.contributions.page(view, filters, 10, None).rows.num_rows == len(expected)


@FULL_SELECTIONS
def test_a_file_of_the_first_columns_has_nothing_beside_texts(
    old: Services,
    selection: dict[str, Any],
    expected: list[int],  # noqa: ARG001  # they are in files of all columns
) -> None:
    has_no_such_thing = False in selection.values() and len(selection) == 1
    assert len(found(old, **selection)) == (len(FULL) if has_no_such_thing else 0)


@pytest.mark.parametrize(
    ("text", "q", "is_found"),
    [
        ("Why is the sky blue?", "SKY", True),
        ("Why is the sky blue?", "sky b", True),
        ("Why is the sky blue?", "sky  b", False),
        ("\u00c9t\u00e9", "\u00e9T\u00c9", True),
        ("\u0420\u0443\u0441\u0441\u043a\u0438\u0439", "\u0440\u0423", True),
        ("\u03a3\u03c2", "\u03c3\u03c3", True),
        ("Stra\u00dfe", "STRA\u00dfE", True),
        # Characters are compared one by one: sharp s isn't ss, and accents aren't composed.
        ("Stra\u00dfe", "strasse", False),
        ("e\u0301", "\u00e9", False),
        ("a.b*", "A.B*", True),
        ("axb", "a.b", False),
        ("50%_\\d", "%_\\D", True),
        ("line\nfeed", "E\nF", True),
        ("\U0001f995 dinosaur", "\U0001f995", True),
        ("", "a", False),
    ],
)
def test_text_is_searched_literally_and_case_is_ignored(text: str, q: str, is_found: bool) -> None:
    edited = (Turn("other"), Turn("other", edited_content=text))
    rows = [make_received(0, conversation=turns) for turns in ((Turn("x"), Turn(text)), edited)]
    rows.append(make_received(0, "other"))
    batch: pa.RecordBatch = to_arrow(rows).to_batches()[0]
    selected = Filters(q=q).select(batch)["contribution_id"].to_pylist()
    assert selected == ([row.contribution_id for row in rows[:2]] if is_found else [])


@pytest.mark.parametrize(
    "selection",
    [
        {"min_turns": 2},
        {"max_turns": 0},
        {"role": "assistant"},
        {"rating": "negative"},
        {"q": "TEXT 4095"},
        {"q": "none such"},
    ],
)
def test_a_row_is_selected_or_not_in_any_batch(selection: dict[str, Any]) -> None:
    turns = (Turn("text", "user"), Turn("x", "assistant", "positive"), Turn("y", None, "negative"))
    rows = [
        replace(made, conversation=(*turns[: row % 3], Turn(f"text {row}"))[: row % 4])
        for row, made in enumerate(make_received(0) for _ in range(ROWS))
    ]
    (batch,) = to_arrow(rows).to_batches()
    filters = Filters(**selection)
    chosen = set(filters.select(batch)["contribution_id"].to_pylist())
    for window in windows(batch):
        expected = [each for each in window["contribution_id"].to_pylist() if each in chosen]
        assert filters.select(window)["contribution_id"].to_pylist() == expected


def test_conversations_are_read_only_by_conditions_that_look_at_them() -> None:
    assert Filters(source="a", absent=frozenset({"contributor_id"})).needed_columns == frozenset()
    for selection, fields in (
        ({"q": "a"}, {"conversation.content", "conversation.edited_content"}),
        ({"role": "a", "model": "a"}, {"conversation.role", "conversation.model"}),
        ({"min_turns": 0, "max_turns": 0}, {"conversation.stopped"}),
        ({"has_tools": False}, {"conversation.tool_calls.name", "tools"}),
        ({"has_alternatives": True}, {"conversation.alternatives.stopped"}),
        ({"labels": ("a",)}, {"labels"}),
    ):
        assert Filters(**selection).needed_columns == fields
