"""A lake is searched wholly: its folders, buckets and databases, on each backend."""

from dataclasses import replace
from pathlib import Path
from typing import Final
from uuid import UUID

import boto3
import pyarrow as pa
import pytest
from sqlalchemy import make_url, text

from app.access.takedowns.records import TakenDown
from app.services import Services
from app.settings import Settings
from app.state.db import Database
from app.state.models import Base
from app.state.spill import spill_folder
from app.takedown.verify.report import Report
from app.takedown.verify.verification import verify
from tests.factories import commit_batch, make_contribution, make_contribution_id, make_turns
from tests.lakes import LakeTemplate
from tests.servers.cluster import Cluster
from tests.servers.s3 import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY

ID: Final = UUID(make_contribution_id())
MANY: Final = 600
"""Rows that have pages of their own, which are free once the rows are deleted."""
TEXT: Final = "a text that is in one contribution only"


def places(report: Report, what: object) -> set[str]:
    return {finding.place for finding in report.findings if finding.what == str(what)}


@pytest.mark.both
def test_a_contribution_is_found_in_the_journal_and_in_the_table(services: Services) -> None:
    pending = make_contribution(conversation=make_turns(TEXT))
    services.ingest.journal.append(pending)
    ids = [UUID(pending.contribution_id)]
    in_journal = verify(services.settings, ids, TEXT)
    for what in (*ids, "the text"):
        assert any("table journal" in place for place in places(in_journal, what))
        assert not any("Parquet" in place for place in places(in_journal, what))
    services.jobs.committer().drain()
    committed = verify(services.settings, ids, TEXT)
    for what in (*ids, "the text"):
        assert any("Parquet" in place for place in places(committed, what))
        assert not any("table journal" in place for place in places(committed, what))
    assert committed.opened["Parquet"] == 1
    assert committed.opened["Avro"] >= 2


@pytest.mark.both
def test_the_records_of_takedowns_are_not_searched(services: Services) -> None:
    commit_batch(services, make_contribution())
    rows = [TakenDown(str(ID), str(ID), "hash", 1)]
    services.access.takedowns.record(
        "contribution", str(ID), rows, reason=None, requested_by="test"
    )
    assert verify(services.settings, [ID]).findings == set()
    services.access.takedowns.finish(services.access.takedowns.unfinished())
    assert verify(services.settings, [ID]).findings == set()


@pytest.mark.both
def test_nothing_is_found_of_takedowns_that_filled_pages_of_the_database(
    services: Services,
) -> None:
    ids = [make_contribution_id(0, number) for number in range(MANY)]
    rows = [TakenDown(each, each, "hash", 1) for each in ids]
    services.access.takedowns.record("contributor", "ada", rows, reason=None, requested_by="test")
    # The last step of erasing; the takedown is finished after it.
    services.database.compact()
    services.access.takedowns.finish(services.access.takedowns.unfinished())
    assert verify(services.settings, list(map(UUID, ids))).findings == set()


@pytest.mark.slow
@pytest.mark.both
def test_nothing_is_found_of_what_moderators_have_dealt_with(services: Services) -> None:
    gone = make_contribution(conversation=make_turns(TEXT), contributor_id="eve")
    commit_batch(services, gone, make_contribution())
    name, moderation = gone.contribution_id, services.moderation.service
    moderation.report(name, "spam", f"it says {TEXT}", "reporter")
    moderation.quarantine.approve(name, "moderator", None)
    services.access.bans.ban(["eve"], actor="moderator", reason=None)
    services.access.banned_contributions.update()
    moderation.put_into_quarantine([name], "moderator", "advertising")
    moderation.reject(name, "moderator", None)
    services.takedown.service.run()
    assert verify(services.settings, [UUID(name)], TEXT).findings == set()
    # The log keeps what moderators write, and so it is searched for the text.
    services.access.bans.lift(["eve"], actor="moderator", reason=f"said {TEXT}")
    found = verify(services.settings, [UUID(name)], TEXT)
    assert {finding.what for finding in found.findings} == {"the text"}
    assert any("moderation_log" in place for place in places(found, "the text"))


def test_what_queries_spill_is_searched_and_never_mapped(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    spilled = spill_folder() / "duckdb_temp_block-1.block"
    spilled.write_text(TEXT)
    mapped: list[str] = []
    memory_map = pa.memory_map

    def remembered(path: str) -> pa.MemoryMappedFile:
        mapped.append(path)
        return memory_map(path)

    monkeypatch.setattr(pa, "memory_map", remembered)
    try:
        assert places(verify(settings, [ID], TEXT), "the text") == {str(spilled)}
    finally:
        spilled.unlink()
    # DuckDB cuts such files, and the kernel kills who reads beyond the end of a mapped one.
    assert mapped
    assert not any("chatlake-spill-" in path for path in mapped)


@pytest.mark.both
def test_a_deleted_row_is_found_until_its_page_is_written_anew(services: Services) -> None:
    insert = "INSERT INTO secrets (name, value, made_at) VALUES (:name, :value, '2026-11-29')"
    with services.database.write() as connection:
        connection.execute(text(insert), {"name": str(ID), "value": bytes(32)})
    with services.database.write() as connection:
        connection.execute(text("DELETE FROM secrets WHERE name = :name"), {"name": str(ID)})
    found = places(verify(services.settings, [ID]), ID)
    assert found
    assert not any("(table" in place for place in found)
    services.database.compact()
    assert verify(services.settings, [ID]).findings == set()


@pytest.mark.cluster
def test_postgresql_keeps_no_samples_of_what_was_deleted(cluster: Cluster, tmp_path: Path) -> None:
    settings = Settings.at(tmp_path, **cluster.places())
    database = Database(settings.database_url)
    Base.metadata.create_all(database.engine)
    with database.write() as connection:
        # Else the server may analyse the table by itself, once its rows are gone.
        connection.execute(text("ALTER TABLE evaluation_sets SET (autovacuum_enabled = false)"))
    insert = text("INSERT INTO evaluation_sets VALUES (:id, 'a', 'b', 'c', 1, '', 1, now())")
    # Of many values, samples have the least and the greatest.
    for ids in ([ID], [ID, *(f"z{number}" for number in range(MANY))]):
        with database.write() as connection:
            connection.execute(insert, [{"id": str(each)} for each in ids])
            connection.execute(text("INSERT INTO gates VALUES ('a', :id, 'b')"), {"id": str(ID)})
            connection.execute(text("ANALYZE"))
            connection.execute(text("DELETE FROM evaluation_sets; DELETE FROM gates"))
    assert "database (table pg_statistic)" in places(verify(settings, [ID]), ID)
    database.compact()
    assert places(verify(settings, [ID]), ID) == set()
    with database.write() as connection:
        connection.execute(text("INSERT INTO gates VALUES ('a', :id, 'b')"), {"id": str(ID)})
        connection.execute(text("ANALYZE"))
        connection.execute(text("DELETE FROM gates"))
    database.compact()
    assert places(verify(settings, [ID]), ID) == set()
    database.dispose()


@pytest.mark.cluster
def test_what_a_server_does_not_show_is_named(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = Settings.at(tmp_path_factory.mktemp("home"), **cluster.places())
    owner = Database(settings.database_url)
    with owner.write() as connection:
        connection.execute(text("CREATE TABLE shown AS SELECT :id AS id"), {"id": str(ID)})
        connection.execute(text("CREATE TABLE secret AS SELECT 1 AS id"))
        connection.execute(text("CREATE ROLE weak LOGIN"))
        connection.execute(text("GRANT SELECT ON shown TO weak"))
    owner.dispose()
    weak = make_url(settings.database_url).set(username="weak").render_as_string(False)
    report = verify(replace(settings, database_url=weak, catalog_uri=weak), [ID])
    assert places(report, ID) == {"database (table shown)"}
    assert {*report.unopened} >= {
        "database (table secret)",
        "database (pages)",
        "database the log of the server (pg_wal)",
    }
    assert report.opened["PostgreSQL relations"] == 0


@pytest.mark.cluster
def test_versions_of_objects_that_were_removed_are_found(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=cluster.s3.url(),
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        region_name=REGION,
    )
    client.create_bucket(Bucket="kept")
    client.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="kept", Key="releases/first/a.jsonl", Body=str(ID).encode())
    client.put_object(Bucket="kept", Key="releases/first/a.jsonl", Body=b"{}")
    client.put_object(Bucket="kept", Key="elsewhere/a.jsonl", Body=str(ID).encode())
    values = {**cluster.places(), "releases_bucket": "s3://kept/releases"}
    settings = Settings.at(tmp_path_factory.mktemp("home"), **values)
    (place,) = places(verify(settings, [ID]), ID)
    assert place.startswith("s3://kept/releases/first/a.jsonl (version ")
    client.delete_object(Bucket="kept", Key="releases/first/a.jsonl")
    assert places(verify(settings, [ID]), ID) == {place}


def test_databases_beside_one_outside_of_the_home_folder_are_searched(
    lake_template: LakeTemplate, tmp_path: Path
) -> None:
    template = lake_template.copy(tmp_path / "home")
    outside = tmp_path / "outside" / "lake.db"
    settings = replace(template, database_url=f"sqlite:///{outside}")
    outside.parent.mkdir()
    database = Database(settings.database_url)
    for each in (database, database.derived("counts")):
        with each.write() as connection:
            connection.execute(text("CREATE TABLE kept (what TEXT)"))
            connection.execute(text("INSERT INTO kept VALUES (:what)"), {"what": TEXT})
        each.dispose()
    found = places(verify(settings, [], TEXT), "the text")
    assert {Path(place.split(".db")[0]).name for place in found} == {"lake", "lake-counts"}
