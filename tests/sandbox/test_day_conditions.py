"""Days that a query's conditions leave out, against the rows that DuckDB finds."""

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.day_conditions import days_read
from sandbox.guard import parse_select

FIRST_DAY = date(2025, 12, 30)
DAYS = [FIRST_DAY + timedelta(days=number) for number in range(6)]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with rows of the first and the last instant of each day, and of one between."""
    with duckdb.connect() as made:
        made.execute("SET TimeZone = 'UTC'")
        made.execute(
            "CREATE TABLE contributions AS SELECT 'app' AS source, moment AS received_at"
            " FROM (SELECT unnest([day, day + INTERVAL 9 HOUR, day + INTERVAL 1 DAY"
            " - INTERVAL 1 MICROSECOND]) AS moment FROM (SELECT $1::TIMESTAMPTZ"
            " + to_days(range::INTEGER) AS day FROM range($2)))",
            [FIRST_DAY, len(DAYS)],
        )
        made.execute("CREATE VIEW turns AS FROM contributions")
        yield made


def days_of(connection: duckdb.DuckDBPyConnection, query: str) -> set[int]:
    """Return which days a query may need, by their numbers from 0."""
    found = days_read(connection, parse_select(connection, query), DAYS)
    connection.execute("DROP TABLE IF EXISTS days_of_files")
    return {(day - FIRST_DAY).days for day in found}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("received_at::DATE = '2026-01-01'", {2}),
        ("'2026-01-01' = CAST(Received_At AS date)", {2}),
        ("received_at::DATE IN ('2025-12-30', '2026-01-01', '2027-01-01')", {0, 2}),
        ("received_at::DATE NOT IN ('2025-12-30')", {1, 2, 3, 4, 5}),
        ("NOT (received_at::DATE > '2025-12-31')", {0, 1}),
        ("received_at::DATE BETWEEN '2025-12-31' AND '2026-01-01'", {1, 2}),
        ("received_at::DATE >= DATE '2026-01-04' - 1", {4, 5}),
        ("date_trunc('day', received_at) = '2026-01-01'", {2}),
        ("date_trunc('MONTH', received_at) = '2026-01-01'", {2, 3, 4, 5}),
        ("extract(year FROM received_at) = 2025", {0, 1}),
        ("received_at >= '2026-01-03'", {4, 5}),
        ("received_at > '2026-01-03 12:00+00'", {4, 5}),
        ("'2026-01-01' > received_at", {0, 1}),
        ("received_at <= '2026-01-01'", {0, 1, 2}),
        ("received_at = '2026-01-01 09:00'", {2}),
        ("received_at BETWEEN '2025-12-31 23:00' AND '2026-01-01 01:00'", {1, 2}),
        ("received_at >= '2026-01-03'::TIMESTAMPTZ - INTERVAL 1 DAY", {3, 4, 5}),
        ("received_at::DATE = '2026-01-01' AND source = 'app' AND random() < 2", {2}),
        ("received_at::DATE = '2026-01-01' OR received_at < '2025-12-31'", {0, 2}),
        ("(received_at::DATE = '2026-01-01') = true", {2}),
        ("received_at::DATE = NULL", set()),
        ("received_at < NULL", set()),
    ],
)
def test_conditions_on_days_leave_out_the_others(
    connection: duckdb.DuckDBPyConnection, condition: str, expected: set[int]
) -> None:
    for query in (
        f"SELECT count(*) FROM contributions WHERE {condition}",
        f"FROM turns AS t WHERE {condition.lower().replace('received_at', 't.received_at')}",
        f"WITH w AS (FROM contributions WHERE {condition}) SELECT * FROM w, w AS v",
    ):
        assert days_of(connection, query) == expected, query


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        "FROM contributions",
        "FROM contributions WHERE source = '2026-01-01'",
        "FROM contributions WHERE hour(received_at) = 9",
        "FROM contributions WHERE date_trunc('hour', received_at) = '2026-01-01'",
        "FROM contributions WHERE received_at::DATE = '2026-01-01' OR source = 'app'",
        "FROM contributions WHERE NOT (received_at > '2026-01-01')",
        "FROM contributions WHERE received_at::DATE = current_date",
        "FROM contributions WHERE received_at::DATE = (SELECT DATE '2026-01-01')",
        "FROM contributions WHERE x.received_at::DATE = '2026-01-01'",
        "FROM contributions WHERE received_at::DATE = 'no day'",
        "FROM contributions AS c(source, received_at) WHERE received_at::DATE = '2026-01-01'",
        "FROM contributions TABLESAMPLE 1 ROWS WHERE received_at::DATE = '2026-01-01'",
        "FROM contributions WHERE received_at::DATE = '2026-01-01' USING SAMPLE 1 ROWS",
        "FROM contributions c JOIN turns t USING (source) WHERE c.received_at < '2026-01-01'",
        "FROM contributions WHERE received_at < '2026-01-01' UNION ALL FROM turns",
        "SELECT (SELECT count(*) FROM turns) FROM contributions WHERE received_at < '2026-01-01'",
        "WITH turns AS (SELECT 1) SELECT * FROM turns, contributions",
        "WITH turns AS (SELECT NULL::TIMESTAMPTZ AS received_at) FROM turns"
        " WHERE received_at < '2026-01-01'",
        "FROM contributions WHERE " + "NOT " * 400 + "received_at::DATE = '2026-01-01'",
    ],
)
def test_what_is_not_understood_leaves_out_no_day(
    connection: duckdb.DuckDBPyConnection, query: str
) -> None:
    assert days_of(connection, query) == set(range(len(DAYS)))


def test_a_query_needs_the_days_of_all_of_its_parts(connection: duckdb.DuckDBPyConnection) -> None:
    parts = [
        "SELECT 1 FROM contributions WHERE received_at < '2025-12-31'",
        "SELECT 1 FROM turns WHERE received_at::DATE = '2026-01-02'",
    ]
    assert days_of(connection, " UNION ALL ".join(parts)) == {0, 3}
    assert days_of(connection, f"SELECT ({parts[0]} LIMIT 1), ({parts[1]} LIMIT 1)") == {0, 3}


def conditions() -> st.SearchStrategy[str]:
    """Return conditions on `received_at` and other columns."""
    moment = st.sampled_from(
        [f"'{day}{time}'" for day in DAYS[1:4] for time in ("", " 09:00", " 23:59:59.999999")]
    )
    column = st.sampled_from(
        [
            *("received_at", "received_at", "received_at::DATE", "date_trunc('week', received_at)"),
            *("date_trunc('hour', received_at)", "received_at + INTERVAL 1 DAY"),
        ]
    )
    comparison = st.sampled_from(["=", "<", "<=", ">", ">=", "<>", "IS DISTINCT FROM"])
    simple = st.one_of(
        st.builds("{} {} {}".format, column, comparison, moment),
        st.builds("{} {} {}".format, moment, comparison, column),
        st.builds("{} BETWEEN {} AND {}".format, column, moment, moment),
        st.builds("{} NOT IN ({}, {})".format, column, moment, moment),
        st.sampled_from(["source = 'app'", "source = 'none'", "hour(received_at) = 9", "NULL"]),
    )
    return st.recursive(
        simple,
        lambda part: st.one_of(
            st.builds("({} AND {})".format, part, part),
            st.builds("({} OR {})".format, part, part),
            st.builds("NOT ({})".format, part),
        ),
        max_leaves=5,
    )


@pytest.mark.slow
@given(condition=conditions())
def test_no_row_that_meets_a_condition_is_of_a_day_that_is_left_out(
    connection: duckdb.DuckDBPyConnection, condition: str
) -> None:
    query = f"SELECT DISTINCT received_at::DATE FROM contributions WHERE {condition}"
    found = {(day - FIRST_DAY).days for (day,) in connection.execute(query).fetchall()}
    assert found <= days_of(connection, query)
