from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import migrations.sql
from app.access.moderation.bans import Bans
from app.access.moderation.log import ModerationLog
from app.access.moderation.quarantine import Quarantine
from app.access.moderation.reports import Reports
from app.access.permissions.keys import Keys
from app.access.visibility.hidden import HiddenContributions
from app.curation.pipeline.records import ChunkRecord, ChunkRecords
from app.ingest.journal.journal import Backlog, Journal
from app.settings import Settings
from app.state import ledger
from app.state.db import Database
from app.state.models import Base


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    made = Database(f"sqlite:///{tmp_path}/test.db")
    yield made
    made.dispose()


def _statements(database: Database) -> dict[str, str]:
    """Return the SQL by which SQLite describes its tables and indexes, without white space."""
    described = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'trigger'"
    with database.read() as connection:
        rows = connection.execute(text(described))
        return {name: "".join(sql.split()) for name, sql in rows if name != "alembic_version"}


def test_the_revisions_make_the_tables_that_the_models_describe(database: Database) -> None:
    with database.write() as connection:
        migrations.sql.upgrade(connection)
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_revisions_also_make_details_that_alembic_does_not_compare(
    database: Database, tmp_path: Path
) -> None:
    """Such as the conditions of partial indexes, and AUTOINCREMENT."""
    with database.write() as connection:
        migrations.sql.upgrade(connection)
    modelled = Database(f"sqlite:///{tmp_path}/modelled.db")
    with modelled.write() as connection:
        Base.metadata.create_all(connection)
    assert _statements(database) == _statements(modelled)
    modelled.dispose()


def test_upgrading_again_changes_nothing(database: Database) -> None:
    with database.write() as connection:
        migrations.sql.upgrade(connection)
        connection.execute(
            text("INSERT INTO claims VALUES ('t', 'b', x'', '2026-01-01 00:00:00.000000')")
        )
    before = _statements(database)
    with database.write() as connection:
        migrations.sql.upgrade(connection)
    assert _statements(database) == before
    with database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM claims")) == 1


def test_an_upgraded_database_is_at_the_newest_revision(database: Database) -> None:
    with database.write() as connection:
        migrations.sql.upgrade(connection)
        script = ScriptDirectory.from_config(migrations.sql.configuration(connection))
        revision = MigrationContext.configure(connection).get_current_revision()
        assert script.get_heads() == [revision]


@pytest.mark.slow
def test_an_upgrade_that_is_cut_off_leaves_nothing_half_made(database: Database) -> None:
    with pytest.raises(KeyboardInterrupt), database.write() as connection:
        migrations.sql.upgrade(connection)
        raise KeyboardInterrupt
    with database.read() as connection:
        assert inspect(connection).get_table_names() == []
    with database.write() as connection:
        migrations.sql.upgrade(connection)
        assert set(Base.metadata.tables) < set(inspect(connection).get_table_names())


@pytest.mark.both
def test_entries_of_an_older_version_are_pending_and_not_awaited(new_settings: Settings) -> None:
    database = Database(new_settings.database_url)
    database.make_folder()
    with database.write() as connection:
        command.upgrade(migrations.sql.configuration(connection), "0005")
        connection.execute(
            text(
                "INSERT INTO journal (entry_id, received_at, contributions, payload, payload_bytes)"
                " VALUES (7, '2026-01-01 00:00:00.000000', 3, :payload, 9)"
            ),
            {"payload": msgspec.msgpack.encode([])},
        )
        migrations.sql.upgrade(connection)
    assert Journal(database, max_bytes=1).backlog() == Backlog(1, 3, 1, awaited_entries=0)
    with database.read() as connection:
        (index,) = inspect(connection).get_indexes("journal")
    assert index["column_names"][-1] == "is_awaited"
    database.dispose()


@pytest.mark.both
def test_days_of_stages_become_chunks_that_are_computed_again(new_settings: Settings) -> None:
    database = Database(new_settings.database_url)
    database.make_folder()
    with database.write() as connection:
        command.upgrade(migrations.sql.configuration(connection), "0006")
        connection.execute(
            text("INSERT INTO stage_days VALUES ('cleaned', '2026-03-01', 'digest', 3, '{}')")
        )
        migrations.sql.upgrade(connection)
    records = ChunkRecords(database)
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    assert records.of("cleaned") == {midnight: ChunkRecord(digest="", rows=0, dropped={})}
    assert records.changes("cleaned", {}) == {midnight: None}
    database.dispose()


@pytest.mark.both
def test_keys_of_an_older_version_have_no_limits_of_their_own(new_settings: Settings) -> None:
    database = Database(new_settings.database_url)
    database.make_folder()
    with database.write() as connection:
        command.upgrade(migrations.sql.configuration(connection), "0011")
        values = {"digest": b"", "at": "2026-01-01 00:00:00.000000"}
        connection.execute(
            text(
                "INSERT INTO api_keys (key_id, name, role, digest, made_at) "
                "VALUES ('0123456789abcdef', 'old', 'read', :digest, :at)"
            ),
            values,
        )
        migrations.sql.upgrade(connection)
    keys = Keys(database)
    assert [key.limits for key in keys.all()] == [{}]
    assert keys.limit("old", {"rows_per_day": 3}).limits == {"rows_per_day": 3}
    keys.close()
    database.dispose()


@pytest.mark.slow
def test_entries_of_single_contributions_become_groups_of_one(database: Database) -> None:
    payloads = [
        msgspec.msgpack.encode({"content": text, "contribution_id": "c", "ingest_id": "c"})
        for text in ("committed", "pending")
    ]
    stored = {"content": "pending", "contribution_id": "c", "conversation_id": "c"}
    kept = msgspec.msgpack.encode([stored])
    with database.write() as connection:
        command.upgrade(migrations.sql.configuration(connection), "0001")
        rows = [
            {"id": 1, "key": b"k" * 32, "payload": None, "bytes": len(payloads[0]), "batch": "b"},
            {"id": 5, "key": b"k" * 16, "payload": payloads[1], "bytes": 9, "batch": None},
        ]
        connection.execute(
            text(
                "INSERT INTO journal VALUES (:id, :key, 'c' || :id, '2026-01-01 00:00:00.000000', "
                ":payload, :bytes, :batch)"
            ),
            rows,
        )
        migrations.sql.upgrade(connection)
    with database.read() as connection:
        entries = connection.execute(
            text("SELECT entry_id, contributions, payload, payload_bytes, batch_id FROM journal")
        ).all()
        keys = connection.execute(text("SELECT * FROM idempotency_keys")).all()
    assert entries[0] == (1, 1, None, len(payloads[0]) + 1, "b")
    assert entries[1] == (5, 1, kept, len(kept), None)
    assert keys == [(b"k" * 32, "c1", 1, True)]


@pytest.mark.both
def test_a_ledger_of_before_tells_snapshots_by_time(new_settings: Settings) -> None:
    database = Database(new_settings.database_url)
    database.make_folder()
    # The clock was an hour ahead for the second and the third commit.
    hours = {1: 1, 2: 12, 3: 13, 4: 2, 5: 14}
    zone = "" if database.is_sqlite else "+00"
    with database.write() as connection:
        command.upgrade(migrations.sql.configuration(connection), "0017")
        connection.execute(
            text("INSERT INTO ledger VALUES (:id, :id, :at, 'append', NULL, 1, :id, 1, 1)"),
            [
                {"id": number, "at": f"2026-01-01 {hour:02}:00:00.000000{zone}"}
                for number, hour in hours.items()
            ],
        )
        migrations.sql.upgrade(connection)
        found = [
            ledger.as_of(connection, datetime(2026, 1, 1, hour, tzinfo=UTC)) for hour in range(15)
        ]
    numbers = [snapshot and snapshot.sequence_number for snapshot in found]
    assert numbers == [None, 1, *[4] * 12, 5]
    database.dispose()


@pytest.mark.both
def test_suppressions_become_quarantine_and_bans(new_settings: Settings) -> None:
    database = Database(new_settings.database_url)
    database.make_folder()
    first, second = (f"01900000-0000-7000-8000-00000000000{n}" for n in (1, 2))
    suppressed_at = datetime(2026, 11, 1, tzinfo=UTC)
    with database.write() as connection:
        command.upgrade(migrations.sql.configuration(connection), "0011")
        connection.execute(
            text("INSERT INTO suppressions VALUES (:kind, :identifier, :reason, :suppressed_at)"),
            [
                {"kind": kind, "identifier": identifier, "reason": reason, "suppressed_at": at}
                for kind, identifier, reason in (
                    ("contribution", first, "private"),
                    ("contribution", second, None),
                    ("contributor", "eve", "asked"),
                )
                for at in [suppressed_at.isoformat(" ")]
            ],
        )
        migrations.sql.upgrade(connection)
    hidden = HiddenContributions(database)
    log = ModerationLog(database)
    (ban,) = Bans(database, log).all()
    assert hidden.ids().to_pylist() == [first, second]
    assert (ban.contributor_id, ban.state, ban.reason) == ("eve", "hiding", "asked")
    assert {(each.action, each.identifier, each.reason) for each in log.page(10)} == {
        ("quarantine", first, "private"),
        ("quarantine", second, None),
        ("ban", "eve", "asked"),
    }
    assert {each.decided_at for each in log.page(10)} == {suppressed_at}
    quarantine = Quarantine(database, hidden, Reports(database, 1), log, lambda _ids: {})
    assert quarantine.waiting(10) == [first, second]
    (cause,) = quarantine.causes_of([first])[first]
    assert (cause.cause, cause.actor, cause.reason) == ("hand", "service:migration", "private")
    quarantine.approve(first, "moderator", None)
    assert hidden.ids().to_pylist() == [second]
    database.dispose()
