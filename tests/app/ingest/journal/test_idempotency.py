"""Idempotency keys in the database, on both databases."""

import os
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from app.ingest.journal.idempotency import KeyHolder, find_holders, insert_keys
from app.services import Services
from app.state.models import JournalEntry
from tests.factories import make_contribution_id

pytestmark = pytest.mark.both


def _keys(number: int) -> dict[bytes, KeyHolder]:
    return {os.urandom(32): KeyHolder(make_contribution_id(), 1) for _ in range(number)}


@pytest.mark.parametrize("number", [1, 7, 600])
def test_keys_are_written_however_many_they_are(services: Services, number: int) -> None:
    keys = _keys(number)
    entry = insert(JournalEntry).values(
        entry_id=1, received_at=datetime.now(UTC), contributions=1, payload=b"x", payload_bytes=1
    )
    with services.database.write() as connection:
        connection.execute(entry)
        insert_keys(connection, keys, owned=list(keys)[::2])
        assert find_holders(connection, keys) == keys


def test_a_key_that_is_there_takes_the_whole_transaction_back(services: Services) -> None:
    keys = _keys(3)
    with services.database.write() as connection:
        insert_keys(connection, dict([max(keys.items())]), owned=())
    with pytest.raises(IntegrityError), services.database.write() as connection:
        insert_keys(connection, keys, owned=())
    with services.database.read() as connection:
        query = "SELECT count(*) FROM idempotency_keys"
        assert connection.exec_driver_sql(query).scalar() == 1
