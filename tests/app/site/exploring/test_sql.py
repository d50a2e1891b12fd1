"""The query in SQL that selects what a page of contributions shows."""

from typing import Any

import duckdb
import pytest

from app.query.filters import Filters
from app.site.exploring.sql import query_of
from catalog.columns.arrow import to_arrow
from catalog.reading.scan import arrow_condition
from catalog.records import AlternativeTurn, ToolCall, Turn
from tests.factories import FIRST_DAY, make_received

DAY = FIRST_DAY.date()
ROWS = [
    make_received(0, "It's here", "Yes", source="an app", labels={"topic": "sea:deep"}),
    make_received(1, "One", "Two", "Three", contributor_id="ada", tools="[]"),
    make_received(
        2,
        conversation=(
            Turn("Say", "user"),
            Turn(
                "It",
                "assistant",
                "positive",
                edited_content="IT'S done",
                model="m'1",
                tool_calls=(ToolCall("a", "b", "{}"),),
                alternatives=((AlternativeTurn("Or", "assistant"),),),
            ),
        ),
        attribution="Ada",
    ),
]
SELECTIONS: list[dict[str, Any]] = [
    {},
    {"all_versions": True},
    {"day_from": DAY.replace(day=DAY.day + 1)},
    {"day_to": DAY},
    {"day_to": DAY.max},
    {"source": "an app"},
    {"source": "a' OR true --"},
    {"absent": frozenset({"source", "contributor_id"})},
    {"attribution": "Ada"},
    {"min_turns": 3},
    {"max_turns": 2},
    {"role": "user", "model": "m'1"},
    {"rating": "positive"},
    {"has_tools": True},
    {"has_tools": False},
    {"has_alternatives": True},
    {"has_alternatives": False},
    {"labels": ("topic",)},
    {"labels": ("topic:sea:deep",)},
    {"labels": ("topic:sea",)},
    {"q": "it's"},
]


@pytest.mark.parametrize("given", SELECTIONS, ids="+".join)
def test_the_query_selects_what_the_filters_do(given: dict[str, Any]) -> None:
    filters = Filters(**given)
    table = to_arrow(ROWS)
    kept = table.filter(arrow_condition(filters.pushed_down()))
    expected = {
        each for batch in kept.to_batches() for each in filters.select(batch)["contribution_id"]
    }
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name in ("contributions", "all_versions"):
            connection.register(name, table)
        found = connection.sql(query_of(filters)).to_arrow_table()["contribution_id"]
    assert {str(each) for each in found} == {str(each) for each in expected}
