"""A lake with the ids of clients is migrated: the same rows, and no old id anywhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import text

from app import create_app
from app.access.contributors.ids import is_guessable
from app.query.filters import Filters
from app.query.snapshots import Reference
from app.services import Services, current_services, services_of
from app.settings import Settings
from catalog.table import load_table
from migrations.lake import step_0008_secret_ids
from tests.factories import UNGUESSABLE, make_contribution, make_submission
from tests.migrations.lake_with_client_ids import STAGE, LakeWithClientIds, sent_by
from tests.migrations.traces import files_with, same_rows

OWNER: Final = "0b7e1a9e-1111-4e4c-8888-123456789abc"
GUESSABLE: Final = "short-secret"
OLD_IDS: Final = [OWNER[:12], GUESSABLE, UNGUESSABLE[:12], "chat-1", "pending-1", "staged-1"]
"""Ids of clients, or as much of them as the bounds of columns in manifests have."""
ID_COLUMNS: Final = ("ingest_id", "submitter_id", "conversation_id", "contributor_id")
FIRST: Final = sent_by(OWNER, UNGUESSABLE, "first")
SECOND: Final = sent_by(OWNER, UNGUESSABLE, "second")


@pytest.fixture
def app(new_settings: Settings) -> Flask:
    """The application on a lake that hasn't been migrated."""
    return create_app(new_settings)


@pytest.fixture
def lake(app: Flask) -> Iterator[LakeWithClientIds]:
    """A lake with the ids of clients in every place."""
    with app.app_context():
        made = LakeWithClientIds(current_services())
    made.commit(FIRST, sent_by(GUESSABLE, "chat-1", "guessed"), make_contribution("anonymous"))
    made.commit(SECOND, sent_by(GUESSABLE, "chat-1", "guessed again"))
    made.tag_first("first")
    made.clean(OWNER)
    made.hold(sent_by(OWNER, "pending-1", "pending"))
    made.hold_upload(sent_by(OWNER, "staged-1", "staged"))
    made.suppress(GUESSABLE)
    yield made
    made.services.close()


def migrate(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["migrate"])
    assert result.exit_code == 0, result.output


def _snapshots(services: Services) -> dict[tuple[str, int, int | None], list[dict[str, Any]]]:
    """Return the rows of each live snapshot as pyiceberg reads them, without ids of owners."""
    tables = (load_table(services.catalog), load_table(services.catalog, STAGE.rows))
    return {
        (table.name()[-1], snapshot.snapshot_id, snapshot.sequence_number): same_rows(
            table.scan(snapshot_id=snapshot.snapshot_id).to_arrow(), *ID_COLUMNS
        )
        for table in tables
        for snapshot in table.metadata.snapshots
    }


def _latest(services: Services) -> list[str]:
    """Return the first turns of the latest versions at the newest snapshot."""
    view = services.reading.snapshots.view(Reference())
    batches = services.reading.contributions.stream(view, Filters(), ["conversation"])
    return sorted(
        row["conversation"][0]["content"] for batch in batches for row in batch.to_pylist()
    )


@pytest.mark.slow
@pytest.mark.both
def test_every_snapshot_and_tag_stays_and_no_old_id_is_in_any_file(
    app: Flask, lake: LakeWithClientIds, new_settings: Settings
) -> None:
    services = lake.services
    before, tags = _snapshots(services), load_table(services.catalog).metadata.refs
    embedded = services.database.is_sqlite
    found = files_with(new_settings.home, OLD_IDS)
    assert not embedded or {Path(name).suffix for name in found} == {".avro", ".db-wal", ".parquet"}

    migrate(app)
    assert _snapshots(services) == before
    assert load_table(services.catalog).metadata.refs == tags
    assert not embedded or files_with(new_settings.home, OLD_IDS) == {}


@pytest.mark.slow
def test_rows_get_the_ids_that_their_clients_ids_give(app: Flask, lake: LakeWithClientIds) -> None:
    migrate(app)
    services = lake.services
    rows = load_table(services.catalog).scan().to_arrow().to_pylist()
    ids = {row["conversation"][0]["content"]: row for row in rows}
    owned = services.access.ids.conversation_id(OWNER, UNGUESSABLE)
    assert {ids[name]["conversation_id"] for name in ("first", "second")} == {owned}
    assert ids["first"]["contributor_id"] == services.access.ids.contributor_id(OWNER)
    assert ids["guessed"]["contributor_id"] == services.access.ids.contributor_id(GUESSABLE)
    assert is_guessable(GUESSABLE)
    assert ids["guessed"]["conversation_id"] == ids["guessed again"]["conversation_id"]
    assert ids["guessed"]["conversation_id"] != services.access.ids.conversation_id(
        GUESSABLE, "chat-1"
    )
    assert ids["anonymous"]["conversation_id"] == ids["anonymous"]["contribution_id"]
    (banned,) = services.access.bans.all()
    assert banned.contributor_id == services.access.ids.contributor_id(GUESSABLE)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [UNGUESSABLE, "pending-1", "staged-1"])
def test_what_was_sent_before_is_recognised_when_it_is_sent_again(
    app: Flask, lake: LakeWithClientIds, sent: str
) -> None:
    migrate(app)
    contents = {UNGUESSABLE: "second", "pending-1": "pending", "staged-1": "staged"}
    again = make_submission(contents[sent], submitter_id=OWNER, ingest_id=sent)
    before = lake.services.ingest.journal.backlog()
    assert app.test_client().post("/v1/ingest/chat", json=again).status_code == 200
    assert lake.services.ingest.journal.backlog() == before


@pytest.mark.slow
def test_what_was_pending_is_committed_with_its_new_ids(
    app: Flask, lake: LakeWithClientIds
) -> None:
    migrate(app)
    committer = lake.services.jobs.committer()
    committer.reconcile()
    committer.drain()
    assert _latest(lake.services) == ["anonymous", "guessed again", "pending", "second", "staged"]


@pytest.mark.slow
def test_an_owner_may_replace_what_was_sent_before_and_nobody_what_is_guessable(
    app: Flask, lake: LakeWithClientIds
) -> None:
    migrate(app)
    services = services_of(app)
    # The contributor was suppressed, and so is banned now.
    services.access.bans.lift(
        [services.access.ids.contributor_id(GUESSABLE)], actor="test", reason=None
    )
    client = app.test_client()
    for submitter_id, ingest_id, content in (
        (OWNER, UNGUESSABLE, "third"),
        (GUESSABLE, "chat-1", "forged"),
    ):
        forged = make_submission(content, submitter_id=submitter_id, ingest_id=ingest_id)
        assert client.post("/v1/ingest/chat", json=forged).status_code == 200
    lake.services.jobs.committer().reconcile()
    lake.services.jobs.committer().drain()
    found = _latest(lake.services)
    assert {"guessed again", "forged", "third"} < set(found)
    assert not {"first", "second", "guessed"} & set(found)


@pytest.mark.slow
@pytest.mark.parametrize("cut_off_before", ["rewriting._swap", "orphans.filesystem_of"])
def test_a_migration_that_is_cut_off_can_be_run_again(
    app: Flask,
    lake: LakeWithClientIds,
    new_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    cut_off_before: str,
) -> None:
    before = _snapshots(lake.services)
    target = {
        "rewriting._swap": "catalog.maintenance.rewriting._swap",
        "orphans.filesystem_of": "catalog.maintenance.rewriting.filesystem_of",
    }[cut_off_before]

    def cut_power(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(target, cut_power)
        result = app.test_cli_runner().invoke(args=["migrate"])
        assert result.exit_code != 0
    migrate(app)
    assert _snapshots(lake.services) == before
    assert files_with(new_settings.home, OLD_IDS) == {}


@pytest.mark.slow
def test_migrating_twice_changes_nothing(app: Flask, lake: LakeWithClientIds) -> None:
    migrate(app)
    location = load_table(lake.services.catalog).metadata_location
    with lake.services.database.read() as connection:
        keys = set(connection.scalars(text("SELECT key FROM idempotency_keys")))
    step_0008_secret_ids.upgrade(lake.services.catalog, lake.services.database)
    assert load_table(lake.services.catalog).metadata_location == location
    with lake.services.database.read() as connection:
        assert set(connection.scalars(text("SELECT key FROM idempotency_keys"))) == keys
