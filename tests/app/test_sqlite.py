from pathlib import Path

import pytest
from sqlalchemy import text

from app.db import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return made(tmp_path / "state.db")


def made(path: Path) -> Database:
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE notes (note TEXT)"))
    return database


def write_note(database: Database, note: str) -> None:
    with database.write() as connection:
        connection.execute(text("INSERT INTO notes VALUES (:note)"), {"note": note})


def notes(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(text("SELECT note FROM notes")))


def test_a_write_to_a_deleted_database_fails_rather_than_being_lost(
    database: Database, tmp_path: Path
) -> None:
    write_note(database, "kept")
    (tmp_path / "state.db").unlink()
    with pytest.raises(FileNotFoundError):
        write_note(database, "lost")


def test_a_write_goes_to_the_database_that_took_the_place_of_another(
    database: Database, tmp_path: Path
) -> None:
    write_note(database, "in the old one")
    other = made(tmp_path / "other.db")
    other.dispose()
    for left in tmp_path.glob("state.db-*"):
        left.unlink()
    (tmp_path / "other.db").rename(tmp_path / "state.db")
    write_note(database, "in the new one")
    assert notes(Database(f"sqlite:///{tmp_path / 'state.db'}")) == ["in the new one"]
