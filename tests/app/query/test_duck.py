"""DuckDB in bounded memory, one question at a time."""

from collections.abc import Iterator
from threading import Event, Thread

import pyarrow as pa
import pytest

from app.query.duck import Duck, QueryUnavailable, set_aside

ROWS = pa.table({"number": pa.array(range(1_000))})


def ill() -> Iterator[pa.RecordBatch]:
    """Yield some rows, and fail as a file does that can't be read."""
    yield from ROWS.to_batches()
    raise OSError("the disk is ill")


def test_a_stream_that_fails_is_told_as_such_and_the_next_question_is_answered() -> None:
    duck = Duck(64)
    with pytest.raises(QueryUnavailable), duck.connection() as connection:
        connection.register("ill", pa.RecordBatchReader.from_batches(ROWS.schema, ill()))
        connection.execute("CREATE TABLE kept AS FROM ill")
    with duck.connection() as connection:
        assert connection.sql("SELECT 1").fetchall() == [(1,)]


def test_each_connection_is_to_an_empty_database() -> None:
    duck = Duck(64)
    for _ in range(2):
        with duck.connection() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")


def test_questions_are_answered_one_at_a_time() -> None:
    duck, asked, answered = Duck(64), Event(), Event()

    def ask() -> None:
        asked.set()
        with duck.connection():
            answered.set()

    with duck.connection():
        thread = Thread(target=ask)
        thread.start()
        assert asked.wait(10)
        assert not answered.is_set()
    thread.join(10)
    assert answered.is_set()


def test_rows_that_are_set_aside_outlive_the_connection_and_are_the_same() -> None:
    with Duck(64).connection() as connection:
        connection.register("numbers", ROWS)
        rows = set_aside(connection.sql("FROM numbers").to_arrow_reader())
    assert rows.read_all() == ROWS


def test_rows_that_fail_to_be_read_are_not_set_aside() -> None:
    with pytest.raises(OSError, match="is ill"), Duck(64).connection() as connection:
        connection.register("ill", pa.RecordBatchReader.from_batches(ROWS.schema, ill()))
        set_aside(connection.sql("FROM ill").to_arrow_reader())


def test_memory_is_bounded_by_the_setting() -> None:
    with Duck(64).connection() as connection:
        (limit,) = connection.sql("SELECT current_setting('memory_limit')").fetchall()[0]
    assert limit == "64.0 MiB"
