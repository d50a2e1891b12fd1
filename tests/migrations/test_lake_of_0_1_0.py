"""Upgrading a lake that version 0.1.0 made, with everything that it holds.

`lake_of_0_1_0/make.py` says how the lake was made.
"""

import json
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import make_url
from werkzeug.test import TestResponse

from app.access.contributors.ids import Ids, read_secret
from app.backup.databases import writable
from app.backup.restoring import relocate_staged, relocate_tables, verify_lake
from app.doctor.examination import examine
from app.doctor.examined_lake import ExaminedLake
from app.services import Services, current_services
from app.settings import Settings
from catalog.metadata.moving import Move, MovedFileIO, move_metadata
from catalog.storage.file_io import DurableFileIO
from migrations.old_ids import NEW_NAMES
from tests.lakes import opened_app

ARCHIVE: Final = Path(__file__).parent / "lake_of_0_1_0" / "lake.tar.xz"
OLD_WAREHOUSE: Final = "file:///tmp/chatlake-of-0.1.0/warehouse"
"""Where the lake was made. Its metadata names this folder."""
OWNER: Final = "a-secret-of-its-owner"
UPLOADER: Final = "uploader-of-many"
_CENTURY_S: Final = 100 * 365 * 24 * 60 * 60


@pytest.fixture(scope="module")
def old_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of the lake, which is put where nothing knows it."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    home = folder / "lake"
    _move(home)
    return home


@pytest.fixture(scope="module")
def expected(old_home: Path) -> dict[str, Any]:
    """What the server of 0.1.0 answered."""
    answered: dict[str, Any] = json.loads((old_home / "expected.json").read_text())
    return answered


@pytest.fixture(scope="module")
def upgraded(old_home: Path) -> Iterator[Flask]:
    """The application on the lake, after the migrations."""
    # What was sent to it is known for as long as these tests are run.
    settings = Settings.at(old_home, idempotency_window_s=_CENTURY_S)
    with opened_app(settings) as app:
        result = app.test_cli_runner().invoke(args=["migrate"])
        assert result.exit_code == 0, result.output
        yield app


@pytest.fixture(scope="module")
def services_of_upgraded(upgraded: Flask) -> Services:
    with upgraded.app_context():
        return current_services()


def _move(home: Path) -> None:
    """Have the lake name the folder in which it lies now, as a restore does."""
    settings = Settings.at(home)
    move = Move(OLD_WAREHOUSE, settings.warehouse)
    source, target = MovedFileIO(move, {}), DurableFileIO({})
    with closing(sqlite3.connect(home / "catalog.db")) as catalog:
        found = catalog.execute("SELECT table_name, metadata_location FROM iceberg_tables")
        tables = dict(found.fetchall())
    moved = {name: move_metadata(url, move, source, target) for name, url in tables.items()}
    with writable(make_url(settings.catalog_uri)) as connection:
        relocate_tables(connection, moved)
    with writable(make_url(settings.database_url)) as connection:
        relocate_staged(connection, move)


def _without_ids(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as 0.1.0 or this version answers it, without names and keys that changed."""
    left_out = {*NEW_NAMES, *NEW_NAMES.values(), "content_hash"}
    return {
        name: value for name, value in row.items() if value is not None and name not in left_out
    }


@pytest.mark.slow
def test_every_snapshot_resolves_to_the_rows_that_it_had(
    upgraded: Flask, expected: dict[str, Any]
) -> None:
    client = upgraded.test_client()
    assert len(expected["snapshots"]) > 5
    for snapshot in expected["snapshots"]:
        query = f"snapshot_id={snapshot['snapshot_id']}&versions=all&limit=1000"
        answer = client.get(f"/v1/contributions?{query}")
        assert answer.status_code == 200, answer.text
        rows = [_without_ids(row) for row in _json(answer)["contributions"]]
        assert rows == [_without_ids(row) for row in snapshot["rows"]]


@pytest.mark.slow
def test_ids_of_clients_are_hashes_of_those_that_they_were(
    services_of_upgraded: Services, upgraded: Flask, expected: dict[str, Any]
) -> None:
    ids = Ids(lambda: read_secret(services_of_upgraded.database))
    newest = expected["snapshots"][0]["rows"]
    answer = upgraded.test_client().get("/v1/contributions?versions=all&limit=1000")
    now = {row["contribution_id"]: row for row in _json(answer)["contributions"]}
    owned = [row for row in newest if row.get("submitter_id") == OWNER]
    assert owned
    for row in owned:
        assert now[row["contribution_id"]]["contributor_id"] == ids.contributor_id(OWNER)


@pytest.mark.slow
def test_the_upgraded_lake_is_sound(services_of_upgraded: Services) -> None:
    services = services_of_upgraded
    verified = verify_lake(services.database, services.catalog)
    assert verified.rows == 26
    examined = ExaminedLake(
        settings=services.settings,
        database=services.database,
        catalog=services.catalog,
        is_deep=True,
    )
    # What was killed has waited to be committed since that day, and the stages wait for the rules
    # of this version.
    findings = examine(examined)
    assert {(finding.check, finding.severity) for finding in findings} == {
        ("committer", "warning"),
        ("journal", "error"),
        ("stages", "warning"),
    }, findings
    assert all("has waited since" in each.what for each in findings if each.check == "journal")


@pytest.mark.slow
def test_what_waited_is_committed_once_and_known_when_it_comes_again(
    services_of_upgraded: Services, upgraded: Flask, expected: dict[str, Any]
) -> None:
    client = upgraded.test_client()
    before = _count(client)
    services_of_upgraded.jobs.committer().drain()
    # Two submissions, and an upload of three lines.
    assert _count(client) == before + 5
    for number, known in {**expected["submitted"], **expected["pending"]}.items():
        answer = client.post(
            "/v1/ingest/chat", json=_submission(int(number), ingest_id=f"chat-{number}")
        )
        assert answer.status_code == 200, answer.text
        assert _json(answer)["ingest_id"] == known
    lines = "\n".join(
        json.dumps(_submission(number, submitter_id=UPLOADER)) for number in range(50, 53)
    )
    repeated = client.post(
        "/v1/ingest/chats",
        data=lines,
        content_type="application/x-ndjson",
        headers={"Idempotency-Key": "waiting-upload"},
    )
    assert repeated.status_code == 200, repeated.text
    services_of_upgraded.jobs.committer().drain()
    assert _count(client) == before + 5


@pytest.mark.slow
def test_releases_and_maps_of_before_are_served(upgraded: Flask) -> None:
    client = upgraded.test_client()
    assert [each["name"] for each in _json(client.get("/v1/releases"))["releases"]] == ["first"]
    assert client.get("/v1/releases/first/files/manifest.json").status_code == 200


def _json(answer: TestResponse) -> dict[str, Any]:
    content: dict[str, Any] = answer.get_json()
    return content


def _count(client: FlaskClient) -> int:
    counted: int = _json(client.get("/v1/contributions/count?versions=all"))["count"]
    return counted


def _submission(number: int, submitter_id: str = OWNER, **fields: str) -> dict[str, Any]:
    turns = [
        {"content": f"What is {number} times {number}?", "role": "user"},
        {"content": f"It is {number * number}, as every table says.", "role": "assistant"},
    ]
    return {
        "conversation": turns,
        "source": "made-for-0.1.0",
        "agent_id": "agent",
        "submitter_id": submitter_id,
        **fields,
    }
