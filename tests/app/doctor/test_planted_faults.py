"""Faults are planted in a lake one at a time, and the doctor finds each."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask import Flask
from sqlalchemy import delete, insert, text, update

from app.background.text_index import newest_files
from app.curation.pipeline.kept_outcomes import KeptOutcomes
from app.curation.pipeline.records import ChunkRecord, ChunkRecords
from app.curation.rules.interface import OUTCOMES_SCHEMA
from app.doctor import examination
from app.doctor.checks import derived, versions
from app.doctor.examination import CHECKS, examine
from app.doctor.patient import Patient
from app.ingest.journal.entries import encode_files
from app.maps.description import (
    MAP_FILE,
    MapDescription,
    MapParameters,
    MapSource,
    encode_description,
)
from app.maps.store import MAP_FILES
from app.query.row_counts import RowCounts
from app.releases.manifest import MANIFEST_FILE, SUMS_FILE, encode_manifest, encode_sums
from app.releases.publications import HubPublication
from app.services import Services
from app.state import ledger
from app.state.checksums import sha256_of
from app.state.models import (
    BannedContribution,
    Claim,
    HiddenContribution,
    IdempotencyKey,
    JournalEntry,
    LedgerEntry,
    QuarantinedVersion,
    ReleaseRecord,
    TakedownRecord,
    TakenDownContribution,
)
from catalog import manifests
from catalog.records import time_of
from catalog.replaced import (
    REPLACED_ARROW_SCHEMA,
    REPLACED_IDENTIFIER,
    REPLACED_UNTIL_PROPERTY,
    ReplacedWriter,
    read_replaced,
    replaced_files,
)
from catalog.snapshots import live_snapshots
from catalog.staging import StagedFile
from catalog.table import append_batch, load_table
from tests.app.releases.factories import make_manifest
from tests.factories import commit_batch, make_contribution, make_contribution_id, make_received

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=30)
FIRST_ID = make_contribution_id(1)
CHAT = {"contributor_id": "a" * 32, "conversation_id": "c" * 32}


class Fault(NamedTuple):
    """A fault, and what the doctor says of it."""

    plant: Callable[[Services], None]
    check: str
    says: str


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else uses these lakes, so nothing has to settle."""
    monkeypatch.setattr(examination, "_SETTLE_S", 0)


@pytest.fixture(scope="module")
def saved(shared_services: Services, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the home folder of a lake with five commits, a release, and a map."""
    services = shared_services
    commit_batch(services, make_received(0), make_contribution(contribution_id=FIRST_ID))
    commit_batch(services, make_received(0))
    services.ingest.journal.append(make_contribution())
    services.jobs.committer().drain()
    for number in range(2):
        commit_batch(services, make_received(number, f"version {number}", **CHAT))
    services.reading.summary_job().step()
    _index_texts(services)
    _write_outcomes(services)
    _make_release(services)
    _make_map(services)
    _disconnect(services)
    return Path(shutil.copytree(services.settings.home, tmp_path_factory.mktemp("saved") / "home"))


@pytest.fixture
def sound(shared_services: Services, saved: Path) -> Iterator[Services]:
    """The lake, as it is before any fault is planted."""
    yield shared_services
    _disconnect(shared_services)
    shutil.rmtree(shared_services.settings.home)
    shutil.copytree(saved, shared_services.settings.home)
    manifests.clear()


def _disconnect(services: Services) -> None:
    services.database.dispose()
    services.catalog.engine.dispose()
    services.catalog._newest.clear()
    services.versions.index.dispose()
    services.reading.file_counts.dispose()


def _patient(services: Services, *, is_deep: bool = True, **values: Any) -> Patient:
    return Patient(
        settings=services.settings,
        database=services.database,
        catalog=services.catalog,
        is_deep=is_deep,
        **values,
    )


def _make_release(services: Services) -> None:
    folder = services.settings.releases / "first"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("A release.")
    (folder / MANIFEST_FILE).write_bytes(encode_manifest(make_manifest(name="first", files=())))
    sums = {"README.md": sha256_of(folder / "README.md")}
    (folder / SUMS_FILE).write_bytes(encode_sums(sums))
    _record_release(services, "first")


def _record_release(services: Services, name: str) -> None:
    values = {
        "name": name,
        "build_id": str(uuid4()),
        "stage": "raw",
        "state": "published",
        "step": "publish",
        "rows_done": 0,
        "started_at": NOW,
        "seen_at": NOW,
    }
    _execute(services, insert(ReleaseRecord).values(values))


def _make_map(services: Services) -> None:
    folder = services.settings.maps / "a-map"
    folder.mkdir(parents=True)
    for name in MAP_FILES:
        (folder / name).touch()
    description = MapDescription(
        name="a-map",
        source=MapSource(stage="raw", snapshot_id="1", committed_at=NOW),
        parameters=MapParameters(),
        rows=0,
        found_rows=0,
        clusters=0,
        versions={},
    )
    (folder / MAP_FILE).write_bytes(encode_description(description))


def _index_texts(services: Services) -> None:
    table = load_table(services.catalog)
    for file in newest_files(table):
        assert services.reading.text_indexes.build(table, file, lambda: None, lambda: True)


def _write_outcomes(services: Services) -> None:
    KeptOutcomes(services.settings.outcomes).write("1", {"prompts": OUTCOMES_SCHEMA.empty_table()})


def _execute(services: Services, *statements: Any) -> None:
    with services.database.write() as connection:
        for statement in statements:
            connection.execute(statement)


def _file(services: Services, pattern: str, newest: bool = False) -> Path:
    folder = services.settings.home / "warehouse/chatlake/contributions"
    return sorted(folder.rglob(pattern), key=lambda path: path.stat().st_mtime_ns)[-newest]


def _remove(pattern: str) -> Callable[[Services], None]:
    return lambda services: _file(services, pattern).unlink()


def _cut(services: Services) -> None:
    file = _file(services, "*.parquet")
    os.truncate(file, file.stat().st_size - 1)


def _spoil(services: Services) -> None:
    file = _file(services, "*.parquet")
    content = bytearray(file.read_bytes())
    content[4:400] = bytes(396)
    file.write_bytes(content)


def _lose_rows(services: Services) -> None:
    file = _file(services, "*.parquet")
    size = file.stat().st_size
    rows = pq.ParquetFile(file).read()
    pq.write_table(rows.slice(0, 0), file)
    # Of the same size, so that only decoding tells.
    content = file.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    padding = size - len(content)
    if padding >= 0:
        file.write_bytes(content[:4] + bytes(padding) + content[4:-footer] + content[-footer:])


def _lose_metadata(services: Services) -> None:
    Path(load_table(services.catalog).metadata_location.removeprefix("file://")).unlink()
    services.catalog._newest.clear()


def _leave_orphan(services: Services) -> None:
    orphan = _file(services, "*.parquet").with_name("left.parquet")
    orphan.write_bytes(b"PAR1")
    os.utime(orphan, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))


def _forget_snapshot(services: Services) -> None:
    append_batch(load_table(services.catalog), uuid4(), [make_received(0)])


def _forget_entry(services: Services) -> None:
    _execute(services, delete(LedgerEntry).where(LedgerEntry.sequence_number == 2))


def _miscount(services: Services) -> None:
    _execute(services, update(LedgerEntry).values(total_rows=LedgerEntry.total_rows + 1))


def _invent_snapshot(services: Services) -> None:
    values = {
        "snapshot_id": 1,
        "sequence_number": 99,
        "committed_at": NOW,
        "as_of_from": NOW,
        "operation": "append",
        "added_rows": 0,
        "total_rows": 6,
        "added_files": 0,
        "added_bytes": 0,
    }
    _execute(services, insert(LedgerEntry).values(values))


def _swap_numbers(services: Services) -> None:
    newest = LedgerEntry.sequence_number == 3
    _execute(services, update(LedgerEntry).where(newest).values(batch_id=str(uuid4())))


def _entry(**values: Any) -> Any:
    pending = {"received_at": NOW, "contributions": 1, "payload_bytes": 1, "payload": b"\xff"}
    return insert(JournalEntry).values({**pending, **values})


def _plant(*statements: Any) -> Callable[[Services], None]:
    return lambda services: _execute(services, *statements)


def _name_lost_file(services: Services) -> None:
    url = f"{load_table(services.catalog).location()}/data/received_at_day=2026-01-01/lost.parquet"
    payload = encode_files([StagedFile(url, 1)])
    _execute(services, _entry(payload=payload, payload_bytes=len(payload), in_files=True))


def _miscount_entry(services: Services) -> None:
    services.ingest.journal.append(make_contribution())
    _execute(services, update(JournalEntry).values(contributions=7))


def _leave_pending(services: Services) -> None:
    services.ingest.journal.append(make_contribution())


def _let_wait(services: Services) -> None:
    _leave_pending(services)
    _execute(services, update(JournalEntry).values(received_at=LONG_AGO))


def _claim(services: Services) -> None:
    services.ingest.journal.append(make_contribution())
    assert services.ingest.claims.claim(10, 10_000)


def _abandon_claim(services: Services) -> None:
    _claim(services)
    _execute(services, update(Claim).values(claimed_at=LONG_AGO))


def _lose_claimed(services: Services) -> None:
    _claim(services)
    _execute(services, delete(JournalEntry).where(JournalEntry.batch_id.is_(None)))


def _record_chunk(services: Services) -> None:
    record = ChunkRecord(digest="0" * 64, rows=5, dropped={})
    ChunkRecords(services.database).record("cleaned", [NOW], {NOW: record})


def _open_chunk(services: Services) -> None:
    record = ChunkRecord(digest="", rows=0, dropped={})
    ChunkRecords(services.database).record("cleaned", [NOW], {NOW: record})


def _change(path: str, content: str) -> Callable[[Services], None]:
    return lambda services: _write(services.settings.home / path, content)


def _garble(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _write(path: Path, content: str) -> None:
    path.write_text(content)


def _bring_back(services: Services) -> None:
    takedown = {"kind": "contribution", "identifier": FIRST_ID, "requested_by": "test"}
    times = {"requested_at": LONG_AGO, "erased_at": LONG_AGO, "takedown_id": 1}
    _execute(services, insert(TakedownRecord).values({**takedown, **times}), _taken_down())


def _taken_down() -> Any:
    return insert(TakenDownContribution).values(
        contribution_id=FIRST_ID, takedown_id=1, conversation_id="c", content_hash="h"
    )


def _hang(services: Services) -> None:
    takedown = {"kind": "contribution", "identifier": FIRST_ID, "requested_by": "test"}
    _execute(
        services,
        insert(TakedownRecord).values({**takedown, "requested_at": LONG_AGO, "takedown_id": 1}),
    )


def _change_revision(services: Services) -> None:
    _execute(services, text("UPDATE alembic_version SET version_num = '0001'"))


def _damage_database(services: Services) -> None:
    with services.database.write() as connection:
        connection.execute(text("CREATE TABLE extra (a TEXT)"))
        connection.execute(text("CREATE INDEX extra_index ON extra (a)"))
        connection.execute(text("INSERT INTO extra VALUES ('a')"))
        connection.execute(text("PRAGMA writable_schema = ON"))
        sql = "UPDATE sqlite_master SET rootpage = 2 WHERE name = 'extra_index'"
        connection.execute(text(sql))
    services.database.dispose()


def _on_index(*statements: str) -> Callable[[Services], None]:
    def plant(services: Services) -> None:
        with services.versions.index.writing() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    return plant


def _append_elsewhere(services: Services) -> None:
    append_batch(load_table(services.catalog), uuid4(), [make_received(0, "elsewhere", **CHAT)])


def _record_early(services: Services) -> None:
    _append_elsewhere(services)
    with services.database.write() as connection:
        ledger.record(connection, live_snapshots(load_table(services.catalog)))


def _replaced_row(services: Services, **values: Any) -> None:
    """Append a row of a contribution that is there to `replaced`, with some other values."""
    row = {
        "contribution_id": FIRST_ID,
        "received_at": time_of(FIRST_ID),
        "replaced_by": FIRST_ID,
        "replaced_at": NOW,
        "sequence_number": 2,
        **values,
    }
    writer = ReplacedWriter(load_table(services.catalog, REPLACED_IDENTIFIER))
    writer.add(pa.Table.from_pylist([row], REPLACED_ARROW_SCHEMA))
    writer.append(5)


def _replaced_unknown(services: Services) -> None:
    unknown = make_contribution_id(9)
    _replaced_row(services, contribution_id=unknown, received_at=time_of(unknown))


def _repeat_replaced(services: Services) -> None:
    table = load_table(services.catalog, REPLACED_IDENTIFIER)
    (file,) = replaced_files(table)
    (row,) = read_replaced(table, file).to_pylist()
    _replaced_row(services, **row)


def _claim_replaced(services: Services) -> None:
    table = load_table(services.catalog, REPLACED_IDENTIFIER)
    with table.transaction() as transaction:
        transaction.set_properties({REPLACED_UNTIL_PROPERTY: "99"})


def _lose_replaced(services: Services) -> None:
    load_table(services.catalog, REPLACED_IDENTIFIER).delete()


def _miscount_file(services: Services) -> None:
    counts = services.reading.file_counts
    paths = counts.paths()
    wrong = RowCounts(1, 7, {})
    counts.forget(paths)
    counts.store(dict.fromkeys(paths, wrong))


def _count_gone_file(services: Services) -> None:
    path = f"{load_table(services.catalog).location()}/data/gone.parquet"
    services.reading.file_counts.store({path: RowCounts(1, 1, {})})


def _on_counts(statement: str) -> Callable[[Services], None]:
    def plant(services: Services) -> None:
        with services.reading.file_counts.database.write() as connection:
            connection.exec_driver_sql(statement)

    return plant


def _an_index(services: Services) -> Path:
    return min(services.settings.text_index.glob("*.sqlite"))


def _on_text_index(*statements: str) -> Callable[[Services], None]:
    def plant(services: Services) -> None:
        for path in services.settings.text_index.glob("*.sqlite"):
            with closing(sqlite3.connect(path)) as connection, connection:
                for statement in statements:
                    connection.execute(statement)

    return plant


def _keep_on_the_hub(services: Services) -> None:
    place = HubPublication(
        repository="lake/first", release="first", hub_url="http://127.0.0.1:9", access="public"
    )
    publications = services.publishing.releases.publications
    publications.begin(place)
    publications.complete(replace(place, revision=1, commit_id="a" * 40))
    publications.require("first", 2)


DERIVED_FAULTS = {
    "the index of versions is lost": Fault(
        lambda services: (services.settings.home / "chatlake-versions.db").unlink(),
        "databases",
        "isn't there",
    ),
    "the counts of files are damaged": Fault(
        lambda services: _garble(services.settings.home / "chatlake-counts.db"),
        "databases",
        "chatlake-counts.db",
    ),
    "readers see what the index lacks": Fault(
        _record_early, "versions", "ends at the commit 5, and readers see the commit 6"
    ),
    "another engine's commit isn't recorded": Fault(
        _append_elsewhere, "versions", "and no committer runs"
    ),
    "the index is of another lake": Fault(
        _on_index("UPDATE versions_watermark SET sequence_number = 99"),
        "versions",
        "of another lake",
    ),
    "the index lacks versions": Fault(_on_index("DELETE FROM versions"), "versions", "lacks"),
    "the index has a version of another commit": Fault(
        _on_index("UPDATE versions SET sequence_number = 1"), "versions", "has wrongly 2"
    ),
    "the index has versions that aren't there": Fault(
        _on_index("UPDATE versions SET contribution_id = zeroblob(16)"), "versions", "has wrongly"
    ),
    "replaced names what isn't there": Fault(_replaced_unknown, "replaced", "has wrongly 1"),
    "replaced names what nothing replaced": Fault(_replaced_row, "replaced", "has wrongly 1"),
    "replaced lacks a row": Fault(_lose_replaced, "replaced", "lacks 1"),
    "replaced has a row twice": Fault(_repeat_replaced, "replaced", "repeats 1"),
    "replaced is ahead of the table": Fault(_claim_replaced, "replaced", "ends at 5"),
    "the counts of a file are wrong": Fault(_miscount_file, "summaries", "aren't those"),
    "the counts of a file are kept that is gone": Fault(
        _count_gone_file, "summaries", "gone.parquet"
    ),
    "the index of rows has other rows of contributors": Fault(
        _on_counts("UPDATE contributor_rows SET positions = zeroblob(length(positions) + 4)"),
        "summaries",
        "doesn't have the rows",
    ),
    "the index of rows has other rows of contents": Fault(
        _on_counts("UPDATE content_rows SET entries = zeroblob(length(entries))"),
        "summaries",
        "the index of rows doesn't have the rows",
    ),
    "totals of contributors are wrong": Fault(
        _on_counts("UPDATE contributor_totals SET sums = zeroblob(28)"), "summaries", "totals"
    ),
    "an index of texts lacks rows": Fault(
        _on_text_index("INSERT INTO texts(texts) VALUES ('delete-all')"),
        "text index",
        "doesn't name row 0",
    ),
    "an index of texts can't be read": Fault(
        lambda services: _garble(_an_index(services)), "text index", "can't be read"
    ),
    "the texts of a file are left that is gone": Fault(
        _on_text_index("UPDATE about SET url = url || '.gone'"), "text index", "removed data file"
    ),
    "outcomes can't be read": Fault(_change("outcomes/prompts.parquet", ""), "outcomes", "read"),
}

FAULTS = {
    **DERIVED_FAULTS,
    "a data file is gone": Fault(_remove("*.parquet"), "files", "data file"),
    "a data file was cut": Fault(_cut, "files", "bytes instead of"),
    "a data file has other bytes": Fault(_spoil, "files", "can't be decoded"),
    "a manifest is gone": Fault(_remove("*-m0.avro"), "files", "-m0.avro"),
    "a list of manifests is gone": Fault(_remove("snap-*.avro"), "files", "snap-"),
    "the table's metadata is gone": Fault(_lose_metadata, "files", "metadata.json"),
    "a staged file is gone": Fault(_name_lost_file, "files", "staged data file"),
    "an old file belongs to nothing": Fault(_leave_orphan, "orphans", "left.parquet"),
    "the ledger lacks a snapshot": Fault(_forget_snapshot, "ledger", "lacks the live snapshot"),
    "an entry of the ledger is gone": Fault(_forget_entry, "ledger", "by what each commit added"),
    "the ledger counts other rows": Fault(_miscount, "counts", "rows instead of"),
    "the ledger is ahead of the table": Fault(_invent_snapshot, "ledger", "the table ends at"),
    "the ledger has another commit": Fault(_swap_numbers, "ledger", "another commit"),
    "an entry can't be decoded": Fault(_plant(_entry()), "journal", "can't be decoded"),
    "an entry has other contributions": Fault(_miscount_entry, "journal", "and not 7"),
    "an entry has waited for long": Fault(_let_wait, "journal", "has waited since"),
    "the batch of an entry is unknown": Fault(
        _plant(_entry(batch_id=str(uuid4()), payload=None)), "journal", "ledger doesn't have"
    ),
    "a claim stands for long": Fault(_abandon_claim, "claims", "has been claimed since"),
    "a claimed entry is gone": Fault(_lose_claimed, "claims", "lacks 1 of its entries"),
    "a key names no entry": Fault(
        _plant(
            insert(IdempotencyKey).values(key=b"k" * 32, contribution_id=FIRST_ID, entry_id=999)
        ),
        "keys",
        "1 idempotency key",
    ),
    "a chunk records other rows": Fault(_record_chunk, "stages", "state 5"),
    "a build of a stage was cut off": Fault(_open_chunk, "stages", "was cut off"),
    "the files of a release are gone": Fault(
        lambda services: shutil.rmtree(services.settings.releases / "first"),
        "releases",
        "aren't there",
    ),
    "a file of a release has changed": Fault(
        _change("releases/first/README.md", "Another."), "releases", "another sum"
    ),
    "a file of a map is gone": Fault(
        lambda services: (services.settings.maps / "a-map/picture.png").unlink(),
        "maps",
        "lacks picture.png",
    ),
    "the Hub has what was taken down": Fault(
        _keep_on_the_hub, "hub", "lake/first holds revision 1 of the release first"
    ),
    "a quarantined contribution is seen": Fault(
        _plant(insert(QuarantinedVersion).values(contribution_id="a", version_id="a")),
        "hidden",
        "readers see 1 contribution",
    ),
    "a banned contribution is seen": Fault(
        _plant(insert(BannedContribution).values(contribution_id="a", contributor_id="b")),
        "hidden",
        "readers see 1 contribution",
    ),
    "something is hidden for no reason": Fault(
        _plant(insert(HiddenContribution).values(contribution_id="a", cause="ban", hidden_at=NOW)),
        "hidden",
        "nothing says why",
    ),
    "an erased row is back": Fault(_bring_back, "takedowns", FIRST_ID),
    "a takedown doesn't end": Fault(_hang, "takedowns", "too long"),
    "others may write the database": Fault(
        lambda services: (services.settings.home / "chatlake.db").chmod(0o666),
        "permissions",
        "chatlake.db",
    ),
    "the clock was set back": Fault(
        _plant(update(LedgerEntry).values(committed_at=NOW + timedelta(days=30))),
        "clock",
        "in the future",
    ),
    "nobody commits": Fault(
        _leave_pending,
        "committer",
        "no committer runs",
    ),
    "the migrations were not run": Fault(_change_revision, "migrations", "0001"),
    "a database is damaged": Fault(_damage_database, "databases", "damaged"),
}


def test_nothing_is_found_in_a_sound_lake(sound: Services) -> None:
    assert examine(_patient(sound)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(sound: Services, name: str) -> None:
    fault = FAULTS[name]
    fault.plant(sound)
    # Only by its own check where there is one: all of them take a second.
    patient = _patient(sound)
    findings = examine(patient) if name not in DERIVED_FAULTS else [*CHECKS[fault.check](patient)]
    found = [each for each in findings if each.check == fault.check and fault.says in each.what]
    assert found, findings
    assert all(finding.mend for finding in findings)


FOUND_BY_SAMPLES = {
    "the index lacks versions": "lacks 1 version of",
    "the index has versions that aren't there": "versions that aren't there",
    "replaced names what isn't there": "names contributions that aren't there",
    "the counts of a file are wrong": "aren't those",
    "an index of texts lacks rows": "doesn't name row 0",
}


@pytest.mark.parametrize("name", FOUND_BY_SAMPLES)
def test_a_planted_fault_of_small_lakes_is_found_by_samples(
    sound: Services, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A sample of four of the lake's files has none with versions once in fifteen times.
    for checks in (derived, versions):
        monkeypatch.setattr(checks, "_FILES", 16)
    fault = FAULTS[name]
    fault.plant(sound)
    findings = list(CHECKS[fault.check](_patient(sound, is_deep=False)))
    assert any(FOUND_BY_SAMPLES[name] in finding.what for finding in findings), findings


@pytest.mark.slow
def test_what_is_said_to_mend_derived_state_does(sound: Services, shared_app: Flask) -> None:
    for plant in (
        _on_index("DELETE FROM versions WHERE sequence_number = 4"),
        _lose_replaced,
        _claim_replaced,
        _replaced_unknown,
        _miscount_file,
        lambda services: _garble(_an_index(services)),
        _change("outcomes/prompts.parquet", ""),
    ):
        plant(sound)
    findings = examine(_patient(sound))
    assert {each.check for each in findings} == {
        *("versions", "replaced", "summaries", "text index", "outcomes")
    }
    runner = shared_app.test_cli_runner()
    for each in findings:
        if each.mend.startswith("scripts/lake "):
            command = each.mend.removeprefix("scripts/lake ").partition(":")[0]
            assert runner.invoke(args=command.split()).exit_code == 0
        else:
            assert each.check == "outcomes"
            (sound.settings.outcomes / "prompts.parquet").unlink()
    assert examine(_patient(sound)) == []


@pytest.mark.slow
def test_derived_databases_that_are_removed_are_filled_again(
    sound: Services, shared_app: Flask
) -> None:
    _disconnect(sound)
    for path in sound.settings.home.glob("chatlake-*.db*"):
        path.unlink()
    assert {each.check for each in examine(_patient(sound))} == {"databases"}
    runner = shared_app.test_cli_runner()
    for command in ("migrate", "summaries update"):
        assert runner.invoke(args=command.split()).exit_code == 0
    assert examine(_patient(sound)) == []


@pytest.mark.slow
def test_a_full_disk_is_found(sound: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(sound.settings.home)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert [finding.check for finding in examine(_patient(sound))] == ["space"]


@pytest.mark.slow
def test_what_passes_by_itself_is_no_finding(
    sound: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    _forget_snapshot(sound)
    monkeypatch.setattr(examination, "sleep", lambda _: sound.jobs.committer().reconcile())
    assert examine(_patient(sound)) == []


@pytest.mark.slow
def test_the_command_prints_findings_and_ends_with_1(sound: Services, shared_app: Flask) -> None:
    runner = shared_app.test_cli_runner()
    assert runner.invoke(args=["doctor"]).exit_code == 0
    _forget_snapshot(sound)
    told = runner.invoke(args=["doctor"])
    assert told.exit_code == 1
    assert "error: ledger: the ledger lacks the live snapshot" in told.output
    assert "to mend it: start the server" in told.output
    as_json = runner.invoke(args=["doctor", "--json"])
    assert [json.loads(line)["check"] for line in as_json.output.splitlines()] == [
        "ledger",
        "versions",
    ]
