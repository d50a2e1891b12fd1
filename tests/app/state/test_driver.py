"""Statements past SQLAlchemy, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.services import Services
from app.state import driver

pytestmark = pytest.mark.both


@pytest.fixture
def connection(services: Services) -> Iterator[Connection]:
    """A connection in a transaction that writes, and doesn't commit."""
    with services.database._writing_engine.connect() as opened, opened.begin() as transaction:
        yield opened
        transaction.rollback()


def _insert(connection: Connection, name: str) -> int:
    marks = ", ".join([driver.MARKS[connection.dialect.name]] * 4)
    text = f"INSERT INTO claims (table_name, batch_id, entry_runs, claimed_at) VALUES ({marks})"
    return driver.change(connection, text, (name, "batch", b"\x00\xff", datetime.now(UTC)))


def test_a_statement_is_run_in_the_transaction_of_its_connection(
    connection: Connection, services: Services
) -> None:
    assert _insert(connection, "one") == 1
    query = "SELECT table_name, entry_runs FROM claims"
    assert driver.fetch(connection, query) == [("one", b"\x00\xff")]
    with services.database.read() as another:
        assert driver.fetch(another, query) == []


def test_errors_of_the_driver_are_those_of_sqlalchemy_without_values(
    connection: Connection,
) -> None:
    _insert(connection, "a secret")
    with pytest.raises(IntegrityError) as caught:
        _insert(connection, "a secret")
    assert "INSERT INTO claims" in str(caught.value)
    assert "batch'" not in str(caught.value)


def test_a_connection_that_is_lost_is_given_up(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with services.database.engine.connect() as connection:
        monkeypatch.setattr(connection.dialect, "is_disconnect", lambda *_: True)
        with pytest.raises(DBAPIError) as caught:
            driver.fetch(connection, "SELECT nothing FROM nowhere")
        assert caught.value.connection_invalidated
        assert connection.invalidated
