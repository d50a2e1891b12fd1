import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError

from app.settings import SettingsError
from app.state.db import Database, insert_missing
from app.state.models import Claim
from tests.app.state.claims import claim_of, claims_in

_FULL = 2


def test_nothing_connects_before_the_first_transaction(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path}/test.db")
    assert not (tmp_path / "test.db").exists()


def test_the_folder_of_an_embedded_database_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new/folder/test.db")
    database.make_folder()
    with database.read() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    database.dispose()


def test_a_server_has_no_folder_to_make() -> None:
    database = Database("postgresql+psycopg://127.0.0.1:1/none")
    assert not database.is_sqlite
    database.make_folder()


def test_committed_writes_stay(database: Database, tmp_path: Path) -> None:
    with database.write() as connection:
        connection.execute(insert(Claim), [claim_of("one")])
    with closing(sqlite3.connect(tmp_path / "test.db")) as other:
        assert other.execute("SELECT count(*) FROM claims").fetchone() == (1,)


def test_an_error_takes_back_the_whole_transaction(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(Claim), [claim_of("one")])
        connection.execute(insert(Claim), [claim_of("one")])
    assert claims_in(database) == 0
    with database.write() as connection:
        connection.execute(insert(Claim), [claim_of("two")])
    assert claims_in(database) == 1


def test_any_exception_takes_back_the_whole_transaction(database: Database) -> None:
    with pytest.raises(KeyboardInterrupt), database.write() as connection:
        connection.execute(insert(Claim), [claim_of("one")])
        raise KeyboardInterrupt
    assert claims_in(database) == 0


def test_a_transaction_that_only_reads_leaves_nothing(database: Database) -> None:
    with database.read() as connection:
        connection.execute(insert(Claim), [claim_of("one")])
    assert claims_in(database) == 0


def test_a_write_holds_the_lock_from_its_start(database: Database, tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "test.db", timeout=0)) as other,
        database.write() as connection,
    ):
        # Already before the first statement; otherwise a later writer could come first.
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        connection.execute(insert(Claim), [claim_of("one")])


def test_a_read_during_a_write_sees_one_consistent_state(database: Database) -> None:
    with database.write() as writing:
        writing.execute(insert(Claim), [claim_of("one")])
        assert claims_in(database) == 0
    with database.read() as reading:
        count = select(func.count()).select_from(Claim)
        assert reading.scalar(count) == 1
        with database.write() as writing:
            writing.execute(insert(Claim), [claim_of("two")])
        assert reading.scalar(count) == 1
    assert claims_in(database) == 2


@pytest.mark.parametrize("kind", ["read", "write"])
def test_every_connection_syncs_its_commits(database: Database, kind: str) -> None:
    for _ in range(2):
        with getattr(database, kind)() as connection:
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
            assert connection.scalar(text("PRAGMA synchronous")) == _FULL
            assert connection.scalar(text("PRAGMA busy_timeout")) > 0
        database.dispose()


def test_rows_whose_keys_exist_are_passed_over_and_the_others_written(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(Claim), [claim_of("one", "first")])
    rows = [claim_of("one", "second"), claim_of("two", "second")]
    with database.write() as connection:
        assert connection.execute(insert_missing(connection, Claim), rows).rowcount == 1
    with database.read() as connection:
        found = connection.execute(select(Claim.table_name, Claim.batch_id)).all()
    assert dict(found) == {"one": "first", "two": "second"}


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://host/db", "postgresql://h/d", "sqlite://"]
)
def test_a_database_that_cannot_be_used_is_a_setting_that_does_not_fit(url: str) -> None:
    with pytest.raises(SettingsError, match="CHATLAKE_DATABASE_URL"):
        Database(url)
