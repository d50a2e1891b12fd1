import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from app.state.db import Database
from app.state.models import Claim
from app.state.persistent import PersistentReader, PersistentWriter
from tests.app.state.claims import claim_of, claims_in


def test_a_writer_keeps_its_connection_from_one_transaction_to_the_next(
    database: Database,
) -> None:
    writer = PersistentWriter(database)
    with database.write_lock(), writer.write() as first:
        first.execute(insert(Claim), [claim_of("one")])
    with database.write_lock(), writer.write() as second:
        assert second is first
        second.execute(insert(Claim), [claim_of("two")])
    assert claims_in(database) == 2


def test_a_writer_takes_a_connection_that_was_tried_out_after_a_pause(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.state.persistent.TRUSTED_S", -1)
    writer = PersistentWriter(database)
    with database.write_lock(), writer.write() as first:
        first.execute(insert(Claim), [claim_of("one")])
    with database.write_lock(), writer.write() as second:
        assert second is not first
        second.execute(insert(Claim), [claim_of("two")])
    assert claims_in(database) == 2


def test_a_writer_whose_transaction_failed_takes_another_connection(database: Database) -> None:
    writer = PersistentWriter(database)
    with pytest.raises(KeyboardInterrupt), writer.write() as first:
        first.execute(insert(Claim), [claim_of("one")])
        raise KeyboardInterrupt
    assert first.closed
    with database.write_lock(), writer.write() as second:
        second.execute(insert(Claim), [claim_of("two")])
    assert claims_in(database) == 1


def _count(_dialect: str) -> str:
    return "SELECT count(*) FROM claims"


def test_a_reader_sees_on_one_connection_what_was_committed_since(database: Database) -> None:
    reader = PersistentReader(database)
    assert reader.fetch(_count, ()) == [(0,)]
    kept = reader._connection
    with database.write() as connection:
        connection.execute(insert(Claim), [claim_of("one")])
    assert reader.fetch(_count, ()) == [(1,)]
    assert reader._connection is kept
    reader.close()


def test_a_reader_whose_query_failed_takes_another_connection(database: Database) -> None:
    reader = PersistentReader(database)
    with pytest.raises(DBAPIError):
        reader.fetch(lambda _: "SELECT nothing FROM nowhere", ())
    assert reader._connection is None
    assert reader.fetch(_count, ()) == [(0,)]
    reader.close()
