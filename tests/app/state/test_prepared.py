from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from app.services import Services
from app.state.models import UtcDateTime
from app.state.prepared import Prepared

pytestmark = pytest.mark.both

TABLE = Table(
    "prepared_test",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("name", String(20)),
    Column("data", LargeBinary),
    Column("moment", UtcDateTime()),
    Column("size", Integer, server_default="7"),
)
MOMENT = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)


@pytest.fixture
def connection(services: Services) -> Iterator[Connection]:
    """A connection in a transaction that has the table, and doesn't commit."""
    with services.database._writing_engine.connect() as opened:
        TABLE.create(opened)
        yield opened
        opened.rollback()


def _row(number: int, **values: Any) -> dict[str, Any]:
    return {"number": number, "name": "a", "data": b"\x00\xff", "moment": MOMENT, **values}


_INSERT = Prepared(insert(TABLE), ("number", "name", "data", "moment"))


def _insert(connection: Connection, *rows: dict[str, Any]) -> None:
    for row in rows:
        _INSERT.change(connection, row)


def test_values_are_stored_as_sqlalchemy_stores_them(connection: Connection) -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5)))
    _INSERT.change(connection, _row(1, name="100 % ?", moment=elsewhere))
    connection.execute(insert(TABLE), _row(2, name="100 % ?", moment=elsewhere))
    first, second = connection.execute(select(TABLE).order_by(TABLE.c.number)).all()
    assert first == (1, "100 % ?", b"\x00\xff", MOMENT, 7)
    assert second == (2, *first[1:])


def test_parameters_have_names_and_constants_keep_their_values(connection: Connection) -> None:
    _insert(connection, _row(1), _row(2), _row(3, name="%b"))
    wanted = TABLE.c.number.in_([bindparam("one"), bindparam("two")])
    found = Prepared(select(TABLE.c.number).where(TABLE.c.name == "%b", wanted))
    assert found.fetch(connection, {"two": 1, "one": 3}) == [(3,)]
    assert found.fetch(connection, {"two": 1, "one": 2}) == []


def test_a_parameter_without_a_value_is_not_null(connection: Connection) -> None:
    with pytest.raises(KeyError, match="moment"):
        _INSERT.change(connection, {"number": 1, "name": "a", "data": b""})


def test_an_update_tells_how_many_rows_it_changed(connection: Connection) -> None:
    _insert(connection, _row(1), _row(2))
    renaming = Prepared(update(TABLE).where(TABLE.c.number > bindparam("over")).values(name="b"))
    assert renaming.change(connection, {"over": 1}) == 1


def test_an_insert_returns_what_it_is_asked_for(connection: Connection) -> None:
    inserting = Prepared(insert(TABLE).returning(TABLE.c.size), ("number",))
    assert inserting.fetch(connection, {"number": 5}) == [(7,)]


def test_errors_of_the_driver_are_those_of_sqlalchemy(connection: Connection) -> None:
    _INSERT.change(connection, _row(1))
    with pytest.raises(IntegrityError):
        _INSERT.change(connection, _row(1))


def test_a_statement_is_compiled_once(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = select(TABLE.c.number)
    prepared = Prepared(finding)
    prepared.fetch(connection)
    monkeypatch.setattr(type(finding), "compile", None)
    assert prepared.fetch(connection) == []
