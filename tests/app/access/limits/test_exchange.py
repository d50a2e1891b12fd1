"""Nodes that share one PostgreSQL; each has a table of its own, as if it ran on its own machine."""

import logging
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from sqlalchemy import func, select

from app.access.limits.bucket_table import BucketTable, Subject, digest_key
from app.access.limits.errors import RateLimited
from app.access.limits.exchange import BucketExchange
from app.access.limits.limiter import Limiter
from app.access.limits.policies import Policy
from app.state.db import Database
from app.state.models import SharedBucket
from tests.app.access.limits.test_limiter import taken
from tests.app.ingest.polling import wait_until
from tests.app.telemetry.test_metrics import growth
from tests.servers.cluster import Cluster

HERE = Subject("address", "192.0.2.1")
THERE = Subject("key", "0123456789abcdef")
ROWS = Policy("rows", "rows_per_day", 100, 100, 86_400)
READS = Policy("reads", "reads_per_minute", 60_000, 100, 0.1)
KEY = digest_key(bytes(32))


class Node:
    """One node: its buckets, and its exchange with the others."""

    def __init__(self, database: Database) -> None:
        self.table = BucketTable(read_key=lambda: KEY)
        self.limiter = Limiter(lambda: self.table)
        self.exchange = BucketExchange(database, lambda: self.table)

    def take(self, rows: int = 1, subject: Subject = HERE) -> None:
        """Take rows."""
        self.limiter.take(subject, [ROWS], {"rows": rows})

    def is_refused(self, rows: int = 1, subject: Subject = HERE) -> bool:
        """Tell whether a client may not take so many rows."""
        return taken(lambda: self.take(rows, subject), most=1) == 0


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """An empty PostgreSQL with the table of shared buckets."""
    made = Database(cluster.places()["database_url"])
    with made.write() as connection:
        SharedBucket.__table__.create(connection)  # type: ignore[attr-defined]
    yield made
    made.dispose()


@pytest.fixture
def nodes(database: Database) -> tuple[Node, Node]:
    return Node(database), Node(database)


def shared_rows(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(SharedBucket)) or 0


def test_what_was_taken_on_one_node_is_missing_on_the_other(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    first.take(60)
    first.exchange.exchange()
    second.take(30)
    second.exchange.exchange()
    assert second.is_refused(11)
    second.take(10)


def test_a_bucket_that_was_emptied_on_both_nodes_is_overdrawn(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    for node in nodes:
        node.take(60)
        node.exchange.exchange()
    assert second.is_refused()
    # The first one told before the second one did, and learns with what is taken next.
    first.take(1)
    first.exchange.exchange()
    with pytest.raises(RateLimited) as refusal:
        first.take(1)
    # 121 of 100 were taken: 22 rows have to flow in first, each in 864 s.
    assert 21 * 864 < refusal.value.retry_after_s <= 22 * 864
    assert ROWS.left(refusal.value.full_in_s) == (0, refusal.value.retry_after_s)


def test_nothing_is_told_twice(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    first.take(40)
    assert [first.exchange.exchange() for _ in range(3)] == [1, 0, 0]
    second.take(1)
    second.exchange.exchange()
    second.take(59)


def test_clients_and_limits_have_shared_buckets_of_their_own(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    first.take(100)
    first.take(50, THERE)
    first.limiter.take(HERE, [READS], {"reads": 3})
    assert first.exchange.exchange() == 3
    second.take(1, THERE)
    second.exchange.exchange()
    assert not second.is_refused(49, THERE)


def test_what_is_taken_during_an_exchange_is_told_by_the_next(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = nodes
    add = first.exchange._add

    def add_slowly(*arguments: object) -> object:
        levels = add(*arguments)  # type: ignore[arg-type]
        first.take(20)
        return levels

    first.take(10)
    with monkeypatch.context() as patched:
        patched.setattr(first.exchange, "_add", add_slowly)
        first.exchange.exchange()
    assert first.exchange.exchange() == 1
    second.take(1)
    second.exchange.exchange()
    assert second.is_refused(70)
    second.take(69)


def test_two_rows_of_one_client_count_together(nodes: tuple[Node, Node]) -> None:
    """Two workers may each make a row for a client that comes to both at the same moment."""
    first, second = nodes
    first.take(30)
    row = first.table.buckets_of(HERE) - 1
    # The other rows of its set are free.
    other = row + 16 if (row - 8) % 128 == 0 else row - 16
    for word in range(16):
        first.table.times[other + word] = first.table.times[row + word]
    assert first.exchange.exchange() == 2
    second.take(1)
    second.exchange.exchange()
    assert second.is_refused(40)
    second.take(39)


def test_a_client_that_lost_its_row_meanwhile_changes_nobody_elses(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = nodes
    first.take(90)
    place = first.table.buckets_of(HERE)
    add = first.exchange._add

    def lose_row(*arguments: object) -> object:
        first.table.digests[place - 1] = 4711
        first.table.times[place + ROWS.column] = 1.0
        return add(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(first.exchange, "_add", lose_row)
    first.exchange.exchange()
    assert first.table.times[place + ROWS.column] == 1.0


def test_full_buckets_are_removed(nodes: tuple[Node, Node], database: Database) -> None:
    first, _ = nodes
    first.limiter.take(HERE, [READS], {"reads": 1})
    first.take(1)
    first.exchange.exchange()
    assert shared_rows(database) == 2

    def is_one_left() -> bool:
        first.exchange.forget()
        return shared_rows(database) == 1

    wait_until(is_one_left, "the bucket of reads to be full and removed")


def test_quotas_outlive_a_node(nodes: tuple[Node, Node], database: Database) -> None:
    first, _ = nodes
    first.take(99)
    first.exchange.exchange()
    started_again = Node(database)
    started_again.take(1)
    started_again.exchange.exchange()
    assert started_again.is_refused()


def test_without_a_database_a_node_goes_on_alone_and_tells_later(
    nodes: tuple[Node, Node], database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = nodes
    away = Database(database.url.set(database="absent").render_as_string(hide_password=False))
    exchange = BucketExchange(away, lambda: first.table)
    stop = Event()
    stop.set()
    with caplog.at_level(logging.ERROR):
        first.take(60)
        assert growth(lambda: exchange.run(stop), "limit_exchange_failures_total") == 1
    assert "weren't shared" in caplog.text
    assert first.is_refused(41)
    first.exchange.exchange()
    second.take(1)
    second.exchange.exchange()
    assert second.is_refused(40)


def test_the_last_exchange_is_made_when_the_process_ends(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    stop = Event()
    thread = Thread(target=first.exchange.run, args=(stop,))
    thread.start()
    first.take(100)
    stop.set()
    thread.join()
    second.take(1)
    second.exchange.exchange()
    assert second.is_refused()


def test_while_no_client_was_limited_nothing_is_opened(database: Database) -> None:
    assert BucketExchange(database, lambda: None).exchange() == 0
