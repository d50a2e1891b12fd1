"""DuckDB in bounded memory, one question at a time."""

from collections.abc import Iterator
from threading import Event, Thread, Timer

import pyarrow as pa
import pytest

from app.query.scratch import QueryUnavailable, ScratchDatabase, spool
from catalog.checkpoints import checked
from catalog.errors import LakeError

ROWS = pa.table({"number": pa.array(range(1_000))})


def ill() -> Iterator[pa.RecordBatch]:
    """Yield some rows, and fail as a file does that can't be read."""
    yield from ROWS.to_batches()
    raise OSError("the disk is ill")


def test_a_stream_that_fails_is_told_as_such_and_the_next_question_is_answered() -> None:
    scratch = ScratchDatabase(64)
    with pytest.raises(QueryUnavailable), scratch.connection() as connection:
        connection.register("ill", pa.RecordBatchReader.from_batches(ROWS.schema, ill()))
        connection.execute("CREATE TABLE kept AS FROM ill")
    with scratch.connection() as connection:
        assert connection.sql("SELECT 1").fetchall() == [(1,)]


def test_each_connection_is_to_an_empty_database() -> None:
    scratch = ScratchDatabase(64)
    for _ in range(2):
        with scratch.connection() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")


def test_questions_are_answered_one_at_a_time() -> None:
    scratch, asked, answered = ScratchDatabase(64), Event(), Event()

    def ask() -> None:
        asked.set()
        with scratch.connection():
            answered.set()

    with scratch.connection():
        thread = Thread(target=ask)
        thread.start()
        assert asked.wait(10)
        assert not answered.is_set()
    thread.join(10)
    assert answered.is_set()


def test_rows_that_are_set_aside_outlive_the_connection_and_are_the_same() -> None:
    with ScratchDatabase(64).connection() as connection:
        connection.register("numbers", ROWS)
        rows = spool(connection.sql("FROM numbers").to_arrow_reader())
    assert rows.read_all() == ROWS


def test_rows_that_fail_to_be_read_are_not_set_aside() -> None:
    with pytest.raises(OSError, match="is ill"), ScratchDatabase(64).connection() as connection:
        connection.register("ill", pa.RecordBatchReader.from_batches(ROWS.schema, ill()))
        spool(connection.sql("FROM ill").to_arrow_reader())


def test_memory_is_bounded_by_the_setting() -> None:
    with ScratchDatabase(64).connection() as connection:
        (limit,) = connection.sql("SELECT current_setting('memory_limit')").fetchall()[0]
    assert limit == "64.0 MiB"


class Unwanted(LakeError):
    """What the check of these tests raises."""


def endless() -> Iterator[pa.RecordBatch]:
    """Yield rows without end, and without a checkpoint."""
    while True:
        yield from ROWS.to_batches()


@pytest.mark.parametrize(
    "question",
    ["SELECT count(*) FROM numbers", "SELECT count(*) FROM range(1000000000000) a"],
    ids=["reading", "computing"],
)
def test_a_question_is_interrupted_when_nobody_wants_its_answer(question: str) -> None:
    unwanted = Event()

    def check() -> None:
        if unwanted.is_set():
            raise Unwanted

    scratch = ScratchDatabase(64)
    Timer(0.3, unwanted.set).start()
    with pytest.raises(Unwanted), checked(check), scratch.connection() as connection:
        rows = pa.RecordBatchReader.from_batches(ROWS.schema, endless())
        connection.register("numbers", rows)
        connection.sql(question).fetchall()
    with scratch.connection() as connection:
        assert connection.sql("SELECT 1").fetchall() == [(1,)]


def test_who_no_longer_wants_an_answer_does_not_wait_for_the_turn() -> None:
    scratch, passed = ScratchDatabase(64), 0

    def check() -> None:
        nonlocal passed
        passed += 1
        if passed > 1:
            raise Unwanted

    def leave() -> None:
        with pytest.raises(Unwanted), checked(check), scratch.connection():
            pytest.fail("it had its turn")

    with scratch.connection():
        thread = Thread(target=leave)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
    with scratch.connection():
        pass
