import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.api.answers import SNAPSHOT_HEADER, TRUNCATED_HEADER
from app.api.formats import ARROW_STREAM, NDJSON, PARQUET, STREAMS
from app.api.schemas.sql import MAX_QUERY_CHARACTERS
from app.query.sql.errors import SqlAbandoned, SqlCrashed, SqlUnreadable
from app.query.sql.slots import LOCK_FILE_NAME, Slots
from app.services import Services, current_services
from app.settings import Settings
from catalog.snapshots import Snapshot, tag_snapshot
from catalog.table import load_table
from tests.app.api.test_errors import check_envelope
from tests.factories import commit_batch, make_received
from tests.lakes import LakeTemplate

URL = "/v1/sql"
ODD_VALUES = """
    SELECT 9007199254740993 AS beyond_floats, sum(range) AS sum, 'nan'::DOUBLE AS nan,
        1.50::DECIMAL(5, 2) AS price, TIMESTAMPTZ '2026-01-02 03:04:05Z' AS moment,
        TIMESTAMP '2026-01-02 03:04:05' AS local, DATE '2026-01-02' AS day, 'ab'::BLOB AS bytes,
        NULL AS nothing, [{'a': 1}] AS nested, 'é' || chr(10) || '"' AS text
    FROM range(3)
"""


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate) -> Settings:
    """Settings with a long timeout for queries, for busy machines."""
    return lake_template.copy(tmp_path / "home", sql_timeout_s=60)


@pytest.fixture
def snapshots(services: Services) -> list[Snapshot]:
    """Two snapshots; the row of the newer one replaces the row of the older one."""
    return [
        commit_batch(services, make_received(day, text, ingest_id="chat", submitter_id="ada"))
        for day, text in enumerate(("old", "new"))
    ]


@pytest.fixture
def limited(settings: Settings, app: Flask) -> Iterator[FlaskClient]:  # noqa: ARG001  # it has migrated the lake
    """A client of a service that gives queries very little time and memory."""
    application = create_app(replace(settings, sql_max_rows=10, sql_memory_mib=384))
    yield application.test_client()
    with application.app_context():
        current_services().close()


def ask(client: FlaskClient, query: str, accept: str = "", **reference: str) -> TestResponse:
    headers = {"Accept": accept} if accept else {}
    return client.post(URL, json={"query": query, **reference}, headers=headers)


def answer(client: FlaskClient, query: str, **reference: str) -> dict[str, Any]:
    response = ask(client, query, **reference)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = json.loads(response.text)
    return body


def test_an_answer_has_columns_rows_and_the_snapshot(
    client: FlaskClient, snapshots: list[Snapshot]
) -> None:
    response = ask(client, "SELECT content, turn_number AS n FROM turns")
    snapshot_id = str(snapshots[-1].snapshot_id)
    assert response.headers[SNAPSHOT_HEADER] == snapshot_id
    assert response.headers["Vary"] == "Accept"
    assert TRUNCATED_HEADER not in response.headers
    assert response.get_json() == {
        "snapshot_id": snapshot_id,
        "columns": [{"name": "content", "type": "string"}, {"name": "n", "type": "int64"}],
        "row_count": 1,
        "truncated": False,
        "truncated_by": None,
        "rows": [{"content": "new", "n": 0}],
    }


def test_a_query_reads_the_snapshot_that_it_names(
    client: FlaskClient, services: Services, snapshots: list[Snapshot]
) -> None:
    tag_snapshot(load_table(services.catalog), "first", snapshots[0].snapshot_id)
    for reference in (
        {"snapshot_id": str(snapshots[0].snapshot_id)},
        {"tag": "first"},
        {"as_of": snapshots[0].committed_at.isoformat()},
    ):
        body = answer(client, "SELECT content FROM turns", **reference)
        assert body["snapshot_id"] == str(snapshots[0].snapshot_id)
        assert body["rows"] == [{"content": "old"}]


def test_odd_values_are_json(client: FlaskClient) -> None:
    text = ask(client, ODD_VALUES).text
    assert "9007199254740993" in text
    (row,) = json.loads(text)["rows"]
    assert row == {
        "beyond_floats": 9007199254740993,
        "sum": 3,
        "nan": None,
        "price": 1.5,
        "moment": "2026-01-02T03:04:05Z",
        "local": "2026-01-02T03:04:05",
        "day": "2026-01-02",
        "bytes": "YWI=",
        "nothing": None,
        "nested": [{"a": 1}],
        "text": 'é\n"',
    }


@pytest.mark.parametrize("media_type", list(STREAMS))
def test_every_form_carries_odd_values_and_no_rows(client: FlaskClient, media_type: str) -> None:
    for query in (ODD_VALUES, f"{ODD_VALUES} HAVING false", "SELECT NULL, []"):
        response = ask(client, query, media_type)
        assert response.status_code == 200, response.text
        assert response.mimetype == media_type
        assert isinstance(response.data, bytes)


def test_the_streams_have_the_rows(client: FlaskClient) -> None:
    query = "SELECT range AS n FROM range(3000) ORDER BY n"
    expected = [{"n": number} for number in range(3000)]
    ndjson = ask(client, query, NDJSON).data
    assert [json.loads(line) for line in ndjson.splitlines()] == expected
    arrow = pa.ipc.open_stream(ask(client, query, ARROW_STREAM).data).read_all()
    assert arrow.to_pylist() == expected
    assert pq.read_table(BytesIO(ask(client, query, PARQUET).data)).to_pylist() == expected
    assert answer(client, query)["rows"] == expected


def test_a_truncated_answer_is_marked_in_every_format(limited: FlaskClient) -> None:
    body = answer(limited, "FROM range(11)")
    assert body["row_count"] == 10
    assert body["truncated"] is True
    assert body["truncated_by"] == "sql_max_rows"
    for media_type in STREAMS:
        response = ask(limited, "FROM range(11)", media_type)
        assert response.headers[TRUNCATED_HEADER] == "sql_max_rows"


def test_pages_of_other_origins_may_read_whether_rows_were_left_out(client: FlaskClient) -> None:
    response = ask(client, "SELECT 1")
    assert TRUNCATED_HEADER in response.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT 1; SELECT 2", "one SELECT is expected"),
        ("SELECT nothing FROM turns", "nothing"),
        ("SELECT 'a'::INTEGER", "Could not convert"),
        ("SELEC 1", "syntax error"),
    ],
)
def test_a_query_that_can_not_be_run_is_the_clients_mistake(
    client: FlaskClient, query: str, reason: str
) -> None:
    body = check_envelope(ask(client, query), 422)
    assert reason in body["errors"]["query"][0]


def test_memory_is_a_limit_that_the_answer_names(limited: FlaskClient) -> None:
    large = "SELECT length(repeat('x', 1000000000))"
    body = check_envelope(ask(limited, large), 422)
    assert body["errors"]["query"][0].startswith("It needs more than 384 MiB. ")
    assert "ask for fewer days" in body["errors"]["query"][0]


def test_waiting_for_the_superseded_versions_is_limited_in_time(
    app: Flask, client: FlaskClient, snapshots: list[Snapshot]
) -> None:
    del snapshots
    vars(app.extensions["chatlake"].settings)["read_timeout_s"] = 0.0
    body = check_envelope(ask(client, "SELECT 1"), 422)
    assert "read_timeout_s = 0 s" in body["message"]


def test_time_is_a_limit_that_the_answer_names(app: Flask, settings: Settings) -> None:
    del app  # it has migrated the lake
    hurried = create_app(replace(settings, sql_timeout_s=0.5))
    endless = "SELECT count(*) FROM range(1000000000000000000) WHERE hash(range) = 1"
    body = check_envelope(ask(hurried.test_client(), endless), 422)
    assert body["errors"]["query"][0].startswith("It ran longer than 0.5 s. ")
    assert "ask for fewer days" in body["errors"]["query"][0]
    with hurried.app_context():
        current_services().close()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": None}, "query"),
        ({"query": 1}, "query"),
        ({"query": "x" * (MAX_QUERY_CHARACTERS + 1)}, "query"),
        ({"query": "SELECT '\x00'"}, "query"),
        ({"query": "SELECT '\ud800'"}, "query"),
        ({"query": "SELECT 1", "snapshot": "1"}, "snapshot"),
        ({"query": "SELECT 1", "snapshot_id": 1}, "snapshot_id"),
        ({"query": "SELECT 1", "as_of": "yesterday"}, "as_of"),
        ({"query": "SELECT 1", "tag": "a", "as_of": "2026-01-01"}, "as_of"),
    ],
)
def test_an_invalid_request_is_422_and_names_the_field(
    client: FlaskClient, body: dict[str, Any], field: str
) -> None:
    errors = check_envelope(client.post(URL, json=body), 422)["errors"]
    assert set(errors) == {field}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"SELECT 1", 400),
        (b"[]", 422),
        (b'"SELECT 1"', 422),
        (b'{"query": "SELECT 1", "query": "SELECT 2"}', 400),
        (b"[" * 100_000, 413),
        (b'{"query": "' + b"x" * 1024 * 1024 + b'"}', 413),
    ],
)
def test_a_body_that_is_no_query_is_refused(client: FlaskClient, data: bytes, status: int) -> None:
    check_envelope(client.post(URL, data=data, content_type="application/json"), status)


def test_unsupported_types_methods_and_snapshots_have_their_status(client: FlaskClient) -> None:
    check_envelope(ask(client, "SELECT 1", "image/png"), 406)
    check_envelope(client.post(URL, data="SELECT 1", content_type="text/plain"), 415)
    check_envelope(ask(client, "SELECT 1", snapshot_id="1"), 404)
    check_envelope(client.get(URL), 405)


@pytest.fixture
def slots(settings: Settings) -> Slots:
    """The slots of the service, which processes share by a file."""
    return Slots(
        settings.home / LOCK_FILE_NAME, settings.sql_pool_size, settings.sql_queries_per_address
    )


def test_a_query_in_a_full_pool_is_refused_with_retry_after(
    client: FlaskClient, slots: Slots
) -> None:
    with slots.take("192.0.2.1"), slots.take("192.0.2.2"):
        response = ask(client, "SELECT 1")
    body = check_envelope(response, 429)
    assert "sql_pool_size = 2" in body["message"]
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("address", "held"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::"), ("2001:db8::2", "2001:db8::")],
)
def test_a_second_query_of_an_address_is_refused_with_retry_after(
    client: FlaskClient, slots: Slots, address: str, held: str
) -> None:
    from_there = {"REMOTE_ADDR": address}
    with slots.take(held):
        response = client.post(URL, json={"query": "SELECT 1"}, environ_overrides=from_there)
        assert ask(client, "SELECT 1").status_code == 200
    body = check_envelope(response, 429)
    assert "sql_queries_per_address = 1" in body["message"]
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("error", "status"),
    [(SqlCrashed(-9), 503), (SqlUnreadable(1), 503), (SqlAbandoned(), 408)],
)
def test_failures_of_the_service_are_not_4xx_errors_of_the_query(
    client: FlaskClient,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(services.sql, "run", fail)
    assert check_envelope(ask(client, "SELECT 1"), status)["errors"] == {}


def test_sql_that_is_switched_off_is_not_there(settings: Settings, app: Flask) -> None:  # noqa: ARG001  # it has migrated the lake
    off = create_app(Settings.at(settings.home, sql_enabled=False)).test_client()
    assert "switched off" in check_envelope(ask(off, "SELECT 1"), 404)["message"]
