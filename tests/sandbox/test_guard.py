from collections.abc import Iterator

import duckdb
import pytest

from sandbox.guard import Refused, only_select


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


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
        "SELECT * FROM range(3) UNION SELECT * FROM generate_series(1, 3)",
        "SELECT unnest([1, 2]), (SELECT count(*) FROM all_versions)",
        "SELECT * FROM contributions c, unnest(c.conversation)",
    ],
)
def test_one_select_on_the_tables_passes(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    assert only_select(connection, query).type is duckdb.StatementType.SELECT


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
        ("SELECT * FROM read_text('file')", "table function read_text"),
        ("SELECT 1 WHERE EXISTS (FROM glob('*'))", "table function glob"),
        ("SELECT * FROM query('SELECT 1')", "table function query"),
        ("SHOW TABLES", "not offered"),
        ("WITH w AS (INSERT INTO contributions VALUES (1) RETURNING *) FROM w", "only reads"),
    ],
)
def test_anything_else_is_refused_with_the_reason(
    connection: duckdb.DuckDBPyConnection, query: str, reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        only_select(connection, query)


def test_what_is_no_sql_is_told_in_the_words_of_the_parser(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(duckdb.ParserException, match="syntax error"):
        only_select(connection, "SELEC 1")
