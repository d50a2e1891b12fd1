import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner

from app import create_app
from app.background.text_index import newest_files
from app.backup import making, restoring
from app.backup.copies import FileCopies
from app.backup.errors import (
    BackupDamaged,
    BackupUnreadable,
    CountsDiffer,
    LakeChanging,
    NotEmpty,
    PlaceUnfit,
)
from app.backup.making import BackupReport, make_backup
from app.backup.manifest import MANIFEST_FILE, read_manifest, write_manifest
from app.backup.restoring import restore_backup, verify_lake
from app.curation.pipeline.kept_outcomes import KeptOutcomes
from app.curation.rules.interface import OUTCOMES_SCHEMA
from app.services import Services, current_services
from app.settings import Settings
from app.state import ledger, ledger_changes
from catalog.reading.plans import plan
from catalog.reading.scan import read
from catalog.table import load_table
from tests.app.versions.oracle import index_of, recorded_as_replaced
from tests.backends import Backend
from tests.catalog.maintenance.history import SIZES, compact_all
from tests.factories import commit_batch, make_contribution, make_received, make_submission
from tests.histories import RandomHistory
from tests.lakes import opened_app

UPLOAD = "\n".join(json.dumps(make_submission(f"Question {number}")) for number in range(3))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of backups."""
    return tmp_path / "backups"


def back_up(services: Services, place: Path) -> BackupReport:
    return make_backup(services.settings, services.ingest.claims, place)


def rows_of_every_snapshot(services: Services) -> dict[int, list[object]]:
    """Return the rows of every snapshot ever committed, by the snapshot's id."""
    with services.database.read() as connection:
        snapshots = list(ledger.oldest_first(connection))
    table = load_table(services.catalog)
    return {
        snapshot.snapshot_id: [
            row
            for batch in read(table, plan(table, snapshot))
            for row in batch.drop_columns(["sequence_number"]).to_pylist()
        ]
        for snapshot in snapshots
    }


def restored_elsewhere(backend: Backend, home: Path, backup: Path) -> Settings:
    """Restore a backup into another folder, database and bucket, and return their settings.

    The migrations are run as the command runs them: what is derived isn't in a backup.
    """
    settings = backend.settings(home)
    restore_backup(settings, backup)
    with opened_app(settings) as app:
        done = app.test_cli_runner().invoke(args=["migrate"])
    assert done.exit_code == 0, done.output
    assert "index of versions: filled anew" in done.output
    return settings


@pytest.mark.both
@pytest.mark.slow
def test_a_lake_restored_elsewhere_has_every_snapshot_and_commits_what_was_pending_once(
    services: Services, client: FlaskClient, backend: Backend, tmp_path: Path, place: Path
) -> None:
    history = RandomHistory(services, random=Random(1))  # noqa: S311  # a history is to be the same in every run
    for _ in range(4):
        history.commit_some()
    assert compact_all(load_table(services.catalog), SIZES)
    services.jobs.committer().reconcile()
    history.thin_all_but_newest()
    commit_batch(services, make_received(0))
    services.ingest.journal.append(make_contribution("pending"))
    sent = client.post("/v1/ingest/chats", data=UPLOAD, content_type="application/x-ndjson")
    assert sent.status_code == 200, sent.text
    before = rows_of_every_snapshot(services)

    report = back_up(services, place)

    assert report.snapshots.recorded == len(before)
    # Nothing of the first lake is needed by the second.
    if backend.is_embedded:
        services.close()
        services.settings.home.rename(tmp_path / "gone")
    settings = restored_elsewhere(backend, tmp_path / "elsewhere", report.folder)
    with opened_app(settings) as app, app.app_context():
        # As the command does after it: what is derived is in no backup.
        assert app.test_cli_runner().invoke(args=["migrate"]).exit_code == 0
        restored = current_services()
        assert rows_of_every_snapshot(restored) == before
        assert verify_lake(restored.database, restored.catalog) == report.snapshots
        restored.jobs.committer().drain()
        with restored.database.read() as connection:
            newest = ledger.newest(connection)
        assert newest is not None
        assert newest.total_rows == report.snapshots.rows + 4
        # The next backup is one of the moved lake.
        assert back_up(restored, place).snapshots.rows == newest.total_rows


@pytest.mark.both
@pytest.mark.slow
def test_a_batch_that_is_committed_and_not_settled_lands_once(
    services: Services,
    backend: Backend,
    tmp_path: Path,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(2):
        services.ingest.journal.append(make_contribution())
    batch = services.ingest.claims.claim(10, 10_000)
    assert batch is not None
    monkeypatch.setattr(services.ingest.claims, "settle", lambda *_: None)
    services.jobs.committer().commit(batch)
    services.ingest.journal.append(make_contribution())

    report = back_up(services, place)

    assert report.snapshots.rows == 2
    assert report.snapshots.recorded == 0
    settings = restored_elsewhere(backend, tmp_path / "elsewhere", report.folder)
    with opened_app(settings) as app, app.app_context():
        assert app.test_cli_runner().invoke(args=["migrate"]).exit_code == 0
        current_services().jobs.committer().drain()
        rows = list(rows_of_every_snapshot(current_services()).values())
        assert [len(each) for each in rows] == [2, 3]


@pytest.mark.both
@pytest.mark.slow
def test_what_is_derived_is_in_no_backup_and_filled_again(
    services: Services, backend: Backend, tmp_path: Path, place: Path
) -> None:
    chat = {"contributor_id": "a" * 32, "conversation_id": "c" * 32}
    for number in range(2):
        commit_batch(services, make_received(number, f"version {number}", **chat))
    services.reading.summary_job().step()
    table = load_table(services.catalog)
    assert services.reading.text_indexes.build(
        table, newest_files(table)[0], lambda: None, lambda: True
    )
    KeptOutcomes(services.settings.outcomes).write("1", {"prompts": OUTCOMES_SCHEMA.empty_table()})
    index = index_of(services)
    assert len(index) == 2
    report = back_up(services, place)
    files = " ".join(read_manifest(report.folder).files)
    assert not any(name in files for name in ("-versions", "-counts", "text-index", "outcomes"))

    settings = backend.settings(tmp_path / "elsewhere")
    restore_backup(settings, report.folder)
    if not backend.is_embedded:
        with create_app(settings).app_context():
            assert index_of(current_services()) == []
            assert current_services().reading.file_counts.paths() == set()
    assert create_app(settings).test_cli_runner().invoke(args=["migrate"]).exit_code == 0
    with opened_app(settings) as app, app.app_context():
        restored = current_services()
        assert index_of(restored) == index
        assert recorded_as_replaced(restored) == recorded_as_replaced(services)
        # Two files of the raw table, and one of `replaced`.
        assert restored.reading.summary_job().step() == 3


@pytest.mark.slow
def test_a_second_backup_copies_nothing_that_the_first_has(services: Services, place: Path) -> None:
    commit_batch(services, make_received(0))
    first = back_up(services, place)
    commit_batch(services, make_received(0))
    second = back_up(services, place)
    shared = read_manifest(first.folder).files.keys() & read_manifest(second.folder).files.keys()
    linked = [path for path in shared if path.startswith("warehouse/")]
    assert linked
    for path in linked:
        assert (first.folder / path).samefile(second.folder / path)
    assert second.copied_bytes == 0


@pytest.mark.slow
def test_a_backup_shares_no_file_with_those_of_another_warehouse(
    services: Services, place: Path
) -> None:
    commit_batch(services, make_received(0))
    other = back_up(services, place).folder
    manifest = read_manifest(other)
    path = next(path for path in manifest.files if path.startswith("warehouse/"))
    content = (other / path).read_bytes()
    (other / path).unlink()
    (other / path).write_text("what a lake that was moved has there")
    write_manifest(other, replace(manifest, warehouse="file:///elsewhere"))
    assert (back_up(services, place).folder / path).read_bytes() == content


def publish(folder: Path, text: str = "rows") -> None:
    """Put a file into a folder, as a release or a map has it, in the place of an earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "new").write_text(text)
    (folder / "new").rename(folder / "manifest.json")


@pytest.mark.slow
def test_releases_and_maps_are_restored_and_what_is_being_built_is_not(
    services: Services, place: Path, tmp_path: Path, backend: Backend
) -> None:
    commit_batch(services, make_received(0))
    for folder in (services.settings.releases, services.settings.maps):
        publish(folder / "2026-11")
        publish(folder / ".building")

    report = back_up(services, place)

    restored = restored_elsewhere(backend, tmp_path / "elsewhere", report.folder)
    for folder in (restored.releases, restored.maps):
        assert (folder / "2026-11" / "manifest.json").read_text() == "rows"
        assert not (folder / ".building").exists()


def test_a_release_that_gets_a_revision_meanwhile_begins_the_backup_anew(
    services: Services, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_batch(services, make_received(0))
    release = services.settings.releases / "2026-11"
    publish(release)
    add = FileCopies.add
    texts = iter(["other rows"])

    def add_and_revise(copies: FileCopies, path: str, *original: Any) -> None:
        add(copies, path, *original)
        if path.startswith("releases/") and (text := next(texts, None)):
            publish(release, text)

    monkeypatch.setattr(FileCopies, "add", add_and_revise)

    report = back_up(services, place)

    assert (report.folder / "releases/2026-11/manifest.json").read_text() == "other rows"


@pytest.mark.slow
def test_files_of_another_disk_are_copied_once(
    services: Services, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = str(services.settings.home)
    hardlink_to = Path.hardlink_to

    def refuse(target: Path, original: str) -> None:
        if str(original).startswith(home):
            raise OSError(18, "Invalid cross-device link")
        hardlink_to(target, original)

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    commit_batch(services, make_received(0))
    first = back_up(services, place)
    assert first.copied_bytes > 0
    assert back_up(services, place).copied_bytes == 0


@pytest.mark.slow
def test_a_file_that_goes_away_meanwhile_begins_the_backup_anew(
    services: Services, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = make_received(0), make_received(0)
    commit_batch(services, mine, other)
    frozen = services.ingest.claims.frozen
    erased: list[bool] = []

    def erase_first() -> object:
        if len(erased) == 1:
            services.takedown.service.request(
                "contribution", [mine.contribution_id], reason=None, requested_by="test"
            )
            services.takedown.service.run()
        erased.append(True)
        return frozen()

    monkeypatch.setattr(services.ingest.claims, "frozen", erase_first)
    back_up(services, place)
    report = back_up(services, place)
    assert report.snapshots.rows == 1


@pytest.mark.slow
def test_a_lake_that_lost_a_file_has_no_backup(services: Services, place: Path) -> None:
    commit_batch(services, make_received(0))
    (data_file,) = Path(services.settings.home / "warehouse").rglob("*.parquet")
    data_file.unlink()
    with pytest.raises(LakeChanging, match=data_file.name):
        back_up(services, place)
    assert not list(place.glob("[!.]*"))


@pytest.mark.slow
def test_a_ledger_that_states_other_rows_is_found_when_a_backup_is_made(
    services: Services, place: Path
) -> None:
    snapshot = commit_batch(services, make_received(0))
    with services.database.write() as connection:
        ledger_changes.subtract(connection, {snapshot.sequence_number: -5})
    with pytest.raises(CountsDiffer, match=f"{snapshot.snapshot_id} has 1 row instead of 6"):
        back_up(services, place)


def test_a_backup_within_the_lake_is_refused(services: Services) -> None:
    with pytest.raises(PlaceUnfit):
        back_up(services, services.settings.home / "backups")


def test_a_backup_in_a_folder_that_is_not_there_is_refused(
    services: Services, tmp_path: Path
) -> None:
    with pytest.raises(PlaceUnfit, match=f"no folder {tmp_path}/disk"):
        back_up(services, tmp_path / "disk" / "backups")
    assert not (tmp_path / "disk").exists()


def test_a_damaged_backup_is_refused_before_anything_is_written(
    services: Services, place: Path, tmp_path: Path
) -> None:
    commit_batch(services, make_received(0))
    folder = back_up(services, place).folder
    (data_file,) = folder.rglob("*.parquet")
    content = data_file.read_bytes()
    data_file.unlink()
    data_file.write_bytes(content[:-1] + b"?")
    settings = Settings.at(tmp_path / "elsewhere")
    with pytest.raises(BackupDamaged, match=data_file.name):
        restore_backup(settings, folder)
    assert not settings.home.exists()


def test_a_lake_is_restored_where_nothing_is(services: Services, place: Path) -> None:
    folder = back_up(services, place).folder
    with pytest.raises(NotEmpty, match="database"):
        restore_backup(services.settings, folder)


def test_a_lake_is_not_restored_beside_what_was_derived_from_another(
    services: Services, place: Path, tmp_path: Path
) -> None:
    folder = back_up(services, place).folder
    settings = Settings.at(tmp_path / "elsewhere")
    settings.home.mkdir()
    (settings.home / "chatlake-versions.db").touch()
    with pytest.raises(NotEmpty, match="chatlake-versions"):
        restore_backup(settings, folder)


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_a_folder_without_a_whole_manifest_is_no_backup(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / MANIFEST_FILE).write_text(content)
    with pytest.raises(BackupUnreadable):
        restore_backup(Settings.at(tmp_path / "elsewhere"), tmp_path)


def test_a_backup_of_sqlite_is_not_restored_into_postgresql(
    services: Services, place: Path, tmp_path: Path
) -> None:
    folder = back_up(services, place).folder
    url = "postgresql+psycopg://user@127.0.0.1:1/none"
    settings = Settings.at(tmp_path / "elsewhere", database_url=url, catalog_uri=url)
    with pytest.raises(BackupUnreadable, match="SQLite"):
        restore_backup(settings, folder)


@pytest.mark.slow
def test_the_commands_make_restore_and_verify_a_backup(
    services: Services, runner: FlaskCliRunner, place: Path, tmp_path: Path
) -> None:
    kept, erased = make_received(0), make_received(0)
    commit_batch(services, kept, erased)
    made = runner.invoke(args=["backup", str(place)])
    assert made.exit_code == 0, made.output
    assert "verified: 1 snapshot in the ledger" in made.output
    runner.invoke(args=["takedown", "contribution", erased.contribution_id])
    takedowns = tmp_path / "takedowns.jsonl"
    takedowns.write_text(runner.invoke(args=["takedown", "export"]).stdout)
    (folder,) = place.glob("[!.]*")
    settings = Settings.at(tmp_path / "elsewhere", takedown_grace_s=0)
    with opened_app(settings) as app:
        arguments = ["restore", str(folder), "--takedowns", str(takedowns)]
        restored = app.test_cli_runner().invoke(args=arguments)
        assert restored.exit_code == 0, restored.output
        assert "verified: 1 snapshot in the ledger and 1 live, 2 rows" in restored.output
        assert "erased 1 takedown" in restored.output
        with app.app_context():
            (rows,) = rows_of_every_snapshot(current_services()).values()
            assert len(rows) == 1


def test_a_restore_that_was_cut_off_is_no_lake_and_not_restored_into(
    services: Services, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_batch(services, make_received(0))
    folder = back_up(services, place).folder
    settings = Settings.at(tmp_path / "elsewhere")
    with monkeypatch.context() as patched:
        patched.setattr(restoring, "relocate_staged", _die)
        with pytest.raises(KeyboardInterrupt):
            restore_backup(settings, folder)
    assert not (settings.home / "chatlake.db").exists()
    with pytest.raises(NotEmpty):
        restore_backup(settings, folder)


def test_a_backup_that_was_cut_off_leaves_none(
    services: Services, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_batch(services, make_received(0))
    with monkeypatch.context() as patched:
        patched.setattr(making, "write_manifest", _die)
        with pytest.raises(KeyboardInterrupt):
            back_up(services, place)
    assert not list(place.glob("[!.]*"))
    back_up(services, place)
    assert len(list(place.iterdir())) == len([".lock", "the backup"])


def _die(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_an_empty_argument_is_no_folder(app: Flask, command: str) -> None:
    result = app.test_cli_runner().invoke(args=[command, ""])
    assert result.exit_code == 2
    assert "it is empty" in result.output
