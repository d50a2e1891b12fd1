"""Faults of what the lake is made of: the tables, the ledger, the journal, releases, lists."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, text, update

from app.curation.pipeline.records import ChunkRecord, ChunkRecords
from app.ingest.journal.entries import encode_files
from app.releases.publications import HubPublication
from app.services import Services
from app.state.models import (
    BannedContribution,
    Claim,
    HiddenContribution,
    IdempotencyKey,
    JournalEntry,
    LedgerEntry,
    QuarantinedVersion,
    TakedownRecord,
    TakenDownContribution,
)
from catalog.table import append_batch, load_table
from catalog.writing.staging import StagedFile
from tests.app.doctor.planting import Fault, change, execute, file_of
from tests.app.doctor.sound_lake import FIRST_ID, LONG_AGO, NOW
from tests.factories import make_contribution, make_received


def _remove(pattern: str) -> Callable[[Services], None]:
    return lambda services: file_of(services, pattern).unlink()


def _cut(services: Services) -> None:
    file = file_of(services, "*.parquet")
    os.truncate(file, file.stat().st_size - 1)


def _spoil(services: Services) -> None:
    file = file_of(services, "*.parquet")
    content = bytearray(file.read_bytes())
    content[4:400] = bytes(396)
    file.write_bytes(content)


def _lose_metadata(services: Services) -> None:
    Path(load_table(services.catalog).metadata_location.removeprefix("file://")).unlink()
    services.catalog._newest.clear()


def _leave_orphan(services: Services) -> None:
    orphan = file_of(services, "*.parquet").with_name("left.parquet")
    orphan.write_bytes(b"PAR1")
    os.utime(orphan, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))


def _forget_snapshot(services: Services) -> None:
    append_batch(load_table(services.catalog), uuid4(), [make_received(0)])


def _forget_entry(services: Services) -> None:
    execute(services, delete(LedgerEntry).where(LedgerEntry.sequence_number == 2))


def _miscount(services: Services) -> None:
    execute(services, update(LedgerEntry).values(total_rows=LedgerEntry.total_rows + 1))


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
    execute(services, insert(LedgerEntry).values(values))


def _swap_numbers(services: Services) -> None:
    newest = LedgerEntry.sequence_number == 3
    execute(services, update(LedgerEntry).where(newest).values(batch_id=str(uuid4())))


def _entry(**values: Any) -> Any:
    pending = {"received_at": NOW, "contributions": 1, "payload_bytes": 1, "payload": b"\xff"}
    return insert(JournalEntry).values({**pending, **values})


def _plant(*statements: Any) -> Callable[[Services], None]:
    return lambda services: execute(services, *statements)


def _name_lost_file(services: Services) -> None:
    url = f"{load_table(services.catalog).location()}/data/received_at_day=2026-01-01/lost.parquet"
    payload = encode_files([StagedFile(url, 1)])
    execute(services, _entry(payload=payload, payload_bytes=len(payload), in_files=True))


def _miscount_entry(services: Services) -> None:
    services.ingest.journal.append(make_contribution())
    execute(services, update(JournalEntry).values(contributions=7))


def _leave_pending(services: Services) -> None:
    services.ingest.journal.append(make_contribution())


def _let_wait(services: Services) -> None:
    _leave_pending(services)
    execute(services, update(JournalEntry).values(received_at=LONG_AGO))


def _claim(services: Services) -> None:
    services.ingest.journal.append(make_contribution())
    assert services.ingest.claims.claim(10, 10_000)


def _abandon_claim(services: Services) -> None:
    _claim(services)
    execute(services, update(Claim).values(claimed_at=LONG_AGO))


def _lose_claimed(services: Services) -> None:
    _claim(services)
    execute(services, delete(JournalEntry).where(JournalEntry.batch_id.is_(None)))


def _record_chunk(services: Services) -> None:
    record = ChunkRecord(digest="0" * 64, rows=5, dropped={})
    ChunkRecords(services.database).record("cleaned", [NOW], {NOW: record})


def _open_chunk(services: Services) -> None:
    record = ChunkRecord(digest="", rows=0, dropped={})
    ChunkRecords(services.database).record("cleaned", [NOW], {NOW: record})


def _bring_back(services: Services) -> None:
    takedown = {"kind": "contribution", "identifier": FIRST_ID, "requested_by": "test"}
    times = {"requested_at": LONG_AGO, "erased_at": LONG_AGO, "takedown_id": 1}
    execute(services, insert(TakedownRecord).values({**takedown, **times}), _taken_down())


def _taken_down() -> Any:
    return insert(TakenDownContribution).values(
        contribution_id=FIRST_ID, takedown_id=1, conversation_id="c", content_hash="h"
    )


def _hang(services: Services) -> None:
    takedown = {"kind": "contribution", "identifier": FIRST_ID, "requested_by": "test"}
    execute(
        services,
        insert(TakedownRecord).values({**takedown, "requested_at": LONG_AGO, "takedown_id": 1}),
    )


def _change_revision(services: Services) -> None:
    execute(services, text("UPDATE alembic_version SET version_num = '0001'"))


def _damage_database(services: Services) -> None:
    with services.database.write() as connection:
        connection.execute(text("CREATE TABLE extra (a TEXT)"))
        connection.execute(text("CREATE INDEX extra_index ON extra (a)"))
        connection.execute(text("INSERT INTO extra VALUES ('a')"))
        connection.execute(text("PRAGMA writable_schema = ON"))
        sql = "UPDATE sqlite_master SET rootpage = 2 WHERE name = 'extra_index'"
        connection.execute(text(sql))
    services.database.dispose()


def _keep_on_the_hub(services: Services) -> None:
    place = HubPublication(
        repository="lake/first", release="first", hub_url="http://127.0.0.1:9", access="public"
    )
    publications = services.publishing.releases.publications
    publications.begin(place)
    publications.complete(replace(place, revision=1, commit_id="a" * 40))
    publications.require("first", 2)


LAKE_FAULTS = {
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
        change("releases/first/README.md", "Another."), "releases", "another sum"
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
