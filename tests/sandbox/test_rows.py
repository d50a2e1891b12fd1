from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

from sandbox.guard import Refused
from sandbox.protocol import QueryLimits
from sandbox.rows import ResultStream, collect


def limits(max_rows: int = 1000, max_bytes: int = 1024 * 1024) -> QueryLimits:
    return QueryLimits(memory_mib=512, cpu_s=1, threads=1, max_rows=max_rows, max_bytes=max_bytes)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


def read(rows: ResultStream) -> pa.Table:
    return pa.ipc.open_stream(rows.stream).read_all()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("TRUE", True),
        ("9223372036854775807", 2**63 - 1),
        ("18446744073709551615::UBIGINT", 2**64 - 1),
        (
            "170141183460469231731687303715884105::HUGEINT",
            Decimal(170141183460469231731687303715884105),
        ),
        ("1.50::DECIMAL(5, 2)", Decimal("1.50")),
        ("'\\xC3'::BLOB", b"\xc3"),
        ("DATE '2026-01-02'", date(2026, 1, 2)),
        ("[{'a': [1]}]", [{"a": [1]}]),
        ("[1, 2]::INTEGER[2]", [1, 2]),
        ("NULL", None),
        ("INTERVAL 1 DAY", "1 day"),
        ("TIME '24:00:00'", "24:00:00"),
        ("MAP {'a': 1}", [("a", 1)]),
        ("MAP {1: 'a'}", "{1=a}"),
        ("'a'::ENUM ('a', 'b')", "a"),
        ("'101'::BIT", "101"),
        ("row(1, 2)", "(1, 2)"),
        ("[INTERVAL 1 DAY]", "[1 day]"),
        ("TIMESTAMP_NS '2026-01-02 03:04:05.000000006'", "2026-01-02 03:04:05.000000006"),
    ],
)
def test_values_of_all_types_are_converted_to_portable_types(
    connection: duckdb.DuckDBPyConnection, expression: str, value: object
) -> None:
    rows = read(collect(connection.sql(f"SELECT {expression} AS it"), limits()))
    assert rows.to_pylist() == [{"it": value}]


@pytest.mark.parametrize(
    "moment",
    [
        "'infinity'::TIMESTAMP",
        "'-infinity'::DATE",
        "TIMESTAMPTZ '10000-01-01 00:00:00+00'",
        "DATE '0001-01-01' - 1",
        "[{'a': '-infinity'::TIMESTAMP}]",
    ],
)
def test_a_moment_that_no_calendar_has_is_refused(
    connection: duckdb.DuckDBPyConnection, moment: str
) -> None:
    with pytest.raises(Refused, match="cast it to VARCHAR"):
        collect(connection.sql(f"SELECT {moment}"), limits())


@pytest.mark.parametrize("moment", ["DATE '0001-01-01'", "TIMESTAMP '9999-12-31 23:59:59.999999'"])
def test_the_first_and_the_last_moment_of_the_calendar_are_values(
    connection: duckdb.DuckDBPyConnection, moment: str
) -> None:
    assert read(collect(connection.sql(f"SELECT {moment} AS it"), limits())).to_pylist()


def test_columns_with_the_same_name_are_numbered(connection: duckdb.DuckDBPyConnection) -> None:
    relation = connection.sql('SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS "we""ird"')
    assert read(collect(relation, limits())).to_pylist() == [
        {"a": 1, "a_1": 2, "a_1_1": 3, 'we"ird': 4}
    ]


def test_the_order_of_the_query_stays(connection: duckdb.DuckDBPyConnection) -> None:
    relation = connection.sql("SELECT range AS n FROM range(5000) ORDER BY n DESC")
    rows = read(collect(relation, limits(max_rows=5000)))
    assert rows["n"].to_pylist() == list(range(4999, -1, -1))


def test_rows_past_the_limit_are_left_out_and_the_limit_is_named(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    relation = connection.sql("SELECT * FROM range(1001)")
    rows = collect(relation, limits(max_rows=1000))
    assert read(rows).num_rows == 1000
    assert rows.truncated_by == "sql_max_rows"


def test_as_many_rows_as_may_be_are_all(connection: duckdb.DuckDBPyConnection) -> None:
    rows = collect(connection.sql("SELECT * FROM range(1000)"), limits(max_rows=1000))
    assert read(rows).num_rows == 1000
    assert rows.truncated_by is None


def test_bytes_past_the_limit_are_left_out_and_the_limit_is_named(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    relation = connection.sql("SELECT repeat('x', 1000) AS text FROM range(1000)")
    rows = collect(relation, limits(max_bytes=100_000))
    assert 0 < read(rows).nbytes <= 100_000
    assert rows.truncated_by == "sql_max_bytes"


def test_a_row_that_alone_is_too_large_is_left_out(connection: duckdb.DuckDBPyConnection) -> None:
    rows = collect(connection.sql("SELECT repeat('x', 200000) AS text"), limits(max_bytes=100_000))
    assert read(rows).num_rows == 0
    assert rows.truncated_by == "sql_max_bytes"
