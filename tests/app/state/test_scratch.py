"""The scratch database, whose memory is bounded and which one query uses at a time."""

from collections.abc import Iterator
from threading import Event, Thread, Timer

import pyarrow as pa
import pytest

from app.state.scratch import QueryUnavailable, ScratchDatabase
from catalog.checkpoints import checked
from catalog.errors import LakeError

ROWS = pa.table({"number": pa.array(range(1_000))})


def failing_batches() -> Iterator[pa.RecordBatch]:
    """Yield some rows, and then fail like a file that can't be read."""
    yield from ROWS.to_batches()
    raise OSError("the disk is ill")


def failing_reader() -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(ROWS.schema, failing_batches())


def test_after_a_stream_that_fails_the_next_query_is_answered() -> None:
    scratch = ScratchDatabase(64)
    with pytest.raises(QueryUnavailable), scratch.connection() as connection:
        connection.register("failing", failing_reader())
        connection.execute("CREATE TABLE kept AS FROM failing")
    with scratch.connection() as connection:
        assert connection.sql("SELECT 1").fetchall() == [(1,)]


def test_each_connection_is_to_an_empty_database() -> None:
    scratch = ScratchDatabase(64)
    for _ in range(2):
        with scratch.connection() as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")


def test_queries_run_one_at_a_time() -> None:
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


def test_memory_is_bounded_by_the_setting() -> None:
    with ScratchDatabase(64).connection() as connection:
        (limit,) = connection.sql("SELECT current_setting('memory_limit')").fetchall()[0]
    assert limit == "64.0 MiB"


class Unwanted(LakeError):
    """Raised by the check of a client that no longer waits."""


def endless_batches() -> Iterator[pa.RecordBatch]:
    """Yield rows without end, and without a checkpoint."""
    while True:
        yield from ROWS.to_batches()


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    ["SELECT count(*) FROM numbers", "SELECT count(*) FROM range(1000000000000) a"],
    ids=["reading", "computing"],
)
def test_a_query_is_interrupted_when_its_client_no_longer_waits(query: str) -> None:
    unwanted = Event()

    def check() -> None:
        if unwanted.is_set():
            raise Unwanted

    scratch = ScratchDatabase(64)
    Timer(0.3, unwanted.set).start()
    with pytest.raises(Unwanted), checked(check), scratch.connection() as connection:
        rows = pa.RecordBatchReader.from_batches(ROWS.schema, endless_batches())
        connection.register("numbers", rows)
        connection.sql(query).fetchall()
    with scratch.connection() as connection:
        assert connection.sql("SELECT 1").fetchall() == [(1,)]


def test_a_client_that_leaves_does_not_wait_for_the_query_before() -> None:
    scratch, passed = ScratchDatabase(64), 0

    def check() -> None:
        nonlocal passed
        passed += 1
        if passed > 1:
            raise Unwanted

    def leave() -> None:
        with pytest.raises(Unwanted), checked(check), scratch.connection():
            pytest.fail("the query ran")

    with scratch.connection():
        thread = Thread(target=leave)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
    with scratch.connection():
        pass
