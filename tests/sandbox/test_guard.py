from collections.abc import Iterator
from typing import Final

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.guard import TABLES, Refused, check, parse_select

INTERNAL: Final = ("files", "replaced")
"""Names in a query's database that aren't offered."""
SYSTEM_VIEWS: Final = ("pg_settings", "duckdb_views", "sqlite_master", "pg_class")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database like that of a query."""
    with _connect("VIEW", *TABLES, *INTERNAL) as made:
        yield made


@pytest.fixture(scope="module")
def binder() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with tables in place of views, for which DuckDB tells which a query reads."""
    with _connect("TABLE", *TABLES, *INTERNAL, *SYSTEM_VIEWS) as made:
        yield made


def _connect(kind: str, *names: str) -> duckdb.DuckDBPyConnection:
    """Return a database with a table or view of each name."""
    made = duckdb.connect()
    for name in names:
        made.execute(f"CREATE {kind} {name} AS SELECT 1 AS v, '{name}' AS origin")
    return made


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        "select 1;",
        "FROM contributions",
        "SELECT * FROM main.turns -- and a comment",
        'SELECT * FROM "CONTRIBUTIONS"',
        "VALUES (1), (2)",
        "WITH a AS (SELECT 1 AS n) SELECT * FROM a, A AS b",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) FROM r",
        "WITH RECURSIVE r(n, m) USING KEY (n) AS (SELECT 1, 0 UNION SELECT n, m + 1 FROM r "
        "WHERE m < 3) FROM r",
        "WITH contributions AS (SELECT 1), b AS (FROM contributions) FROM b",
        'WITH "a ""b""" AS (SELECT 1) FROM "A ""B"""',
        "WITH tables AS (SELECT 1), columns AS (SELECT 2) FROM tables, columns",
        "SELECT * FROM (WITH a AS (SELECT 1) FROM a), (WITH a AS (SELECT 2) FROM a)",
        "SELECT * FROM range(3) UNION SELECT * FROM generate_series(1, 3)",
        "SELECT unnest([1, 2]), (SELECT count(*) FROM all_versions)",
        "SELECT * FROM contributions c, unnest(c.conversation)",
        "FROM json_each('[1]') SELECT Upper(key), row_number() OVER ()",
    ],
)
def test_one_select_on_the_tables_passes(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    check(connection, parse_select(connection, query))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "not 0 statements"),
        ("SELECT 1; SELECT 2", "not 2 statements"),
        ("SET threads = 9", "not SET"),
        ("EXPLAIN ANALYZE SELECT 1", "not EXPLAIN"),
        ("COPY (SELECT 1) TO 'file'", "not COPY"),
        ("CREATE TABLE t AS SELECT 1", "not CREATE"),
        ("SELECT * FROM files", "no table files"),
        ("SELECT * FROM 'file.parquet'", "no table file.parquet"),
        ("SELECT * FROM information_schema.tables", "no table tables"),
        ("SELECT * FROM temp.main.contributions", "no table contributions"),
        ("WITH a AS (SELECT 1) FROM main.a", "no table a"),
        ("SELECT * FROM read_text('file')", "table function read_text"),
        ("SELECT 1 WHERE EXISTS (FROM glob('*'))", "table function glob"),
        ("SELECT * FROM query('SELECT 1')", "table function query"),
        ("SELECT * FROM length('a')", "table function length"),
        ("SHOW TABLES", "not offered"),
        ("WITH w AS (INSERT INTO contributions VALUES (1) RETURNING *) FROM w", "only reads"),
    ],
)
def test_anything_else_is_refused_with_the_reason(
    connection: duckdb.DuckDBPyConnection, query: str, reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        check(connection, parse_select(connection, query))


@pytest.mark.parametrize("name", [*INTERNAL, *SYSTEM_VIEWS, "SQLITE_Master", '"pg_Views"'])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM (WITH {0} AS (SELECT 1) SELECT 1), {0}",
        "SELECT * FROM (WITH {0} AS (SELECT 1) SELECT 1), main.{0}",
        "WITH a AS (FROM {0}), {0} AS (SELECT 1) FROM a",
        "WITH {0} AS (FROM {0}) FROM {0}",
        "WITH RECURSIVE r AS (SELECT 1 UNION ALL (WITH {0} AS (FROM r) FROM {0})) FROM r, {0}",
        "(WITH {0} AS (SELECT 1) FROM {0}) UNION ALL BY NAME FROM {0}",
        "SELECT (WITH {0} AS (SELECT 1) FROM {0}), (SELECT count(*) FROM {0})",
        "FROM contributions, LATERAL (WITH {0} AS (SELECT v) FROM {0}) AS l, {0}",
        "FROM turns WHERE EXISTS (WITH {0} AS MATERIALIZED (SELECT 1) FROM {0}) OR 1 IN (FROM {0})",
    ],
)
def test_a_name_of_another_scope_opens_nothing(
    connection: duckdb.DuckDBPyConnection, query: str, name: str
) -> None:
    with pytest.raises(Refused, match="is taken: WITH has to give another"):
        check(connection, parse_select(connection, query.format(name)))


CLOSED: Final = [*INTERNAL, *SYSTEM_VIEWS, "FILES", '"PG_settings"']


def queries(closed: str) -> st.SearchStrategy[str]:
    """Return queries that nest scopes in all ways, with few names so that scopes share them.

    Args:
        closed: A name that isn't offered. The other names are a table and one that queries define.
    """
    names = st.sampled_from([closed, "contributions", "own"])
    table = st.sampled_from([closed, "contributions", "contributions", "own", f"main.{closed}"])
    simple = st.builds("SELECT v, origin FROM {} AS x".format, table)

    def nest(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("SELECT x.* FROM ({}) AS x, {} AS y".format, part, table),
            st.builds("SELECT x.* FROM {} AS x, LATERAL ({}) AS y".format, table, part),
            st.builds("({}) UNION ALL ({})".format, part, part),
            st.builds("FROM ({}) AS x WHERE EXISTS ({})".format, part, part),
            st.builds("SELECT v, (SELECT origin FROM ({})) AS o FROM ({})".format, part, part),
            st.builds("WITH {} AS ({}) ({})".format, names, part, part),
            st.builds("WITH {} AS ({}), w AS ({}) ({})".format, names, part, part, part),
            st.builds(
                "WITH RECURSIVE {}(v, origin) AS (({}) UNION ({})) ({})".format,
                *(names, part, part, part),
            ),
        )

    return st.recursive(simple, nest, max_leaves=6)


@pytest.mark.slow
@given(query=st.sampled_from(CLOSED).flatmap(queries))
@settings(max_examples=300)
def test_queries_that_pass_the_guard_bind_no_internal_tables(
    connection: duckdb.DuckDBPyConnection, binder: duckdb.DuckDBPyConnection, query: str
) -> None:
    try:
        check(connection, parse_select(connection, query))
        found = binder.get_table_names(query)
    except (Refused, duckdb.Error):
        return
    assert not {name.lower() for name in found} & {*INTERNAL, *SYSTEM_VIEWS}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT sleep_ms(1)",
        "SELECT pg_sleep(1)",
        'SELECT "Sleep_MS"(1)',
        "SELECT system.main.sleep_ms(1)",
        "SELECT (1).sleep_ms()",
        "SELECT * REPLACE (sleep_ms(1) AS v) FROM turns",
        "SELECT COLUMNS(lambda c: sleep_ms(1) IS NULL) FROM turns",
        "SELECT list_transform([1], lambda x: sleep_ms(x))",
        "SELECT [sleep_ms(x) FOR x IN [1]]",
        "SELECT {'a': sleep_ms(1)}, MAP {'a': sleep_ms(1)}",
        "SELECT CASE WHEN sleep_ms(1) IS NULL THEN 1 END",
        "SELECT count(*) FILTER (sleep_ms(1) IS NULL) FROM turns",
        "SELECT list(v ORDER BY sleep_ms(1)) FROM turns",
        "SELECT sum(v) OVER (PARTITION BY sleep_ms(1)) FROM turns",
        "SELECT sum(v) OVER w FROM turns WINDOW w AS (ORDER BY sleep_ms(1))",
        "SELECT sum(v) OVER (ROWS BETWEEN sleep_ms(1) PRECEDING AND CURRENT ROW) FROM turns",
        "SELECT v FROM turns WHERE v IN (SELECT sleep_ms(1))",
        "SELECT v FROM turns GROUP BY v, sleep_ms(1)",
        "SELECT v FROM turns GROUP BY GROUPING SETS ((v), (sleep_ms(1)))",
        "SELECT v FROM turns GROUP BY v HAVING sleep_ms(1) IS NULL",
        "SELECT v FROM turns QUALIFY sleep_ms(1) IS NULL",
        "SELECT v FROM turns ORDER BY sleep_ms(1)",
        "SELECT DISTINCT ON (sleep_ms(1)) v FROM turns",
        "SELECT v FROM turns LIMIT sleep_ms(1)",
        "SELECT v FROM turns LIMIT 1 OFFSET sleep_ms(1)",
        "SELECT a.v FROM turns a JOIN turns b ON sleep_ms(1) IS NULL",
        "SELECT a.v FROM turns a ASOF JOIN turns b ON a.v >= sleep_ms(1)",
        "FROM range(sleep_ms(1))",
        "FROM turns, LATERAL (SELECT sleep_ms(v))",
        "VALUES (sleep_ms(1))",
        "WITH w AS (SELECT sleep_ms(1)) FROM w",
        "FROM (PIVOT turns ON v IN (1) USING max(sleep_ms(1)))",
        "FROM turns PIVOT (max(sleep_ms(1)) FOR v IN (1))",
        "SELECT TRY(sleep_ms(1)), TRY_CAST(sleep_ms(1) AS INTEGER)",
        "SELECT sleep_ms(1)::VARCHAR COLLATE nocase",
        "SELECT 1 UNION ALL SELECT sleep_ms(1)",
    ],
)
def test_a_function_that_is_not_offered_is_refused_wherever_it_stands(
    connection: duckdb.DuckDBPyConnection, query: str
) -> None:
    with pytest.raises(Refused, match=r"the function (sleep_ms|pg_sleep) is not offered"):
        check(connection, parse_select(connection, query))


def test_text_that_is_not_sql_is_refused_with_the_parsers_message(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(duckdb.ParserException, match="syntax error"):
        check(connection, parse_select(connection, "SELEC 1"))
