import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
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
from app.services import Services
from app.settings import Settings
from catalog.snapshots import Snapshot, tag_snapshot
from catalog.table import load_table
from tests.app.api.test_errors import check_envelope
from tests.factories import commit_batch, make_received
from tests.lakes import opened_app

pytestmark = pytest.mark.slow

URL = "/v1/sql"
ODD_VALUES = """
    SELECT 9007199254740993 AS beyond_floats, sum(range) AS sum, 'nan'::DOUBLE AS nan,
        1.50::DECIMAL(5, 2) AS price, TIMESTAMPTZ '2026-01-02 03:04:05Z' AS moment,
        TIMESTAMP '2026-01-02 03:04:05' AS local, DATE '2026-01-02' AS day, 'ab'::BLOB AS bytes,
        NULL AS nothing, [{'a': 1}] AS nested, 'é' || chr(10) || '"' AS text
    FROM range(3)
"""


def commit_versions(services: Services) -> list[Snapshot]:
    """Commit two snapshots; the row of the newer one replaces the row of the older one."""
    return [
        commit_batch(
            services, make_received(day, text, conversation_id="chat", contributor_id="ada")
        )
        for day, text in enumerate(("old", "new"))
    ]


@pytest.fixture(scope="module")
def snapshots(shared_services: Services) -> list[Snapshot]:
    """Two snapshots, of which the older one has the tag `first`."""
    made = commit_versions(shared_services)
    tag_snapshot(load_table(shared_services.catalog), "first", made[0].snapshot_id)
    return made


@pytest.fixture(scope="module")
def limited(shared_settings: Settings) -> Iterator[FlaskClient]:
    """A client of a service that gives queries few rows and little memory."""
    with opened_app(replace(shared_settings, sql_max_rows=10, sql_memory_mib=384)) as application:
        yield application.test_client()


def ask(client: FlaskClient, query: str, accept: str = "", **reference: str) -> TestResponse:
    headers = {"Accept": accept} if accept else {}
    return client.post(URL, json={"query": query, **reference}, headers=headers)


def answer(client: FlaskClient, query: str, **reference: str) -> dict[str, Any]:
    response = ask(client, query, **reference)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = json.loads(response.text)
    return body


def test_an_answer_has_columns_rows_and_the_snapshot(
    shared_client: FlaskClient, snapshots: list[Snapshot]
) -> None:
    response = ask(shared_client, "SELECT content, turn_number AS n FROM turns")
    snapshot_id = str(snapshots[-1].snapshot_id)
    assert response.headers[SNAPSHOT_HEADER] == snapshot_id
    assert response.headers["Vary"] == "Accept, Authorization"
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
    shared_client: FlaskClient, snapshots: list[Snapshot]
) -> None:
    for reference in (
        {"snapshot_id": str(snapshots[0].snapshot_id)},
        {"tag": "first"},
        {"as_of": snapshots[0].committed_at.isoformat()},
    ):
        body = answer(shared_client, "SELECT content FROM turns", **reference)
        assert body["snapshot_id"] == str(snapshots[0].snapshot_id)
        assert body["rows"] == [{"content": "old"}]


def test_odd_values_are_json(shared_client: FlaskClient) -> None:
    text = ask(shared_client, ODD_VALUES).text
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
def test_every_form_carries_odd_values_and_no_rows(
    shared_client: FlaskClient, media_type: str
) -> None:
    for query in (ODD_VALUES, f"{ODD_VALUES} HAVING false", "SELECT NULL, []"):
        response = ask(shared_client, query, media_type)
        assert response.status_code == 200, response.text
        assert response.mimetype == media_type
        assert isinstance(response.data, bytes)


def test_the_streams_have_the_rows(shared_client: FlaskClient) -> None:
    query = "SELECT range AS n FROM range(3000) ORDER BY n"
    expected = [{"n": number} for number in range(3000)]
    ndjson = ask(shared_client, query, NDJSON).data
    assert [json.loads(line) for line in ndjson.splitlines()] == expected
    arrow = pa.ipc.open_stream(ask(shared_client, query, ARROW_STREAM).data).read_all()
    assert arrow.to_pylist() == expected
    assert pq.read_table(BytesIO(ask(shared_client, query, PARQUET).data)).to_pylist() == expected
    assert answer(shared_client, query)["rows"] == expected


def test_a_truncated_answer_is_marked_in_every_format(limited: FlaskClient) -> None:
    body = answer(limited, "FROM range(11)")
    assert body["row_count"] == 10
    assert body["truncated"] is True
    assert body["truncated_by"] == "sql_max_rows"
    for media_type in STREAMS:
        response = ask(limited, "FROM range(11)", media_type)
        assert response.headers[TRUNCATED_HEADER] == "sql_max_rows"


def test_pages_of_other_origins_may_read_whether_rows_were_left_out(
    shared_client: FlaskClient,
) -> None:
    response = ask(shared_client, "SELECT 1")
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
    shared_client: FlaskClient, query: str, reason: str
) -> None:
    body = check_envelope(ask(shared_client, query), 422)
    assert reason in body["errors"]["query"][0]


def test_memory_is_a_limit_that_the_answer_names(limited: FlaskClient) -> None:
    large = "SELECT length(repeat('x', 1000000000))"
    body = check_envelope(ask(limited, large), 422)
    assert body["errors"]["query"][0].startswith("It needs more than 384 MiB. ")
    assert "ask for fewer days" in body["errors"]["query"][0]


def test_waiting_for_the_superseded_versions_is_limited_in_time(
    app: Flask, client: FlaskClient, services: Services
) -> None:
    commit_versions(services)
    vars(app.extensions["chatlake"].settings)["read_timeout_s"] = 0.0
    body = check_envelope(ask(client, "SELECT 1"), 422)
    assert "read_timeout_s = 0 s" in body["message"]


def test_time_is_a_limit_that_the_answer_names(shared_settings: Settings) -> None:
    endless = "SELECT count(*) FROM range(1000000000000000000) WHERE hash(range) = 1"
    with opened_app(replace(shared_settings, sql_timeout_s=0.5)) as hurried:
        body = check_envelope(ask(hurried.test_client(), endless), 422)
    assert body["errors"]["query"][0].startswith("It ran longer than 0.5 s. ")
    assert "ask for fewer days" in body["errors"]["query"][0]


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
    shared_client: FlaskClient, body: dict[str, Any], field: str
) -> None:
    errors = check_envelope(shared_client.post(URL, json=body), 422)["errors"]
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
def test_a_body_that_is_no_query_is_refused(
    shared_client: FlaskClient, data: bytes, status: int
) -> None:
    check_envelope(shared_client.post(URL, data=data, content_type="application/json"), status)


def test_unsupported_types_methods_and_snapshots_have_their_status(
    shared_client: FlaskClient,
) -> None:
    check_envelope(ask(shared_client, "SELECT 1", "image/png"), 406)
    check_envelope(shared_client.post(URL, data="SELECT 1", content_type="text/plain"), 415)
    check_envelope(ask(shared_client, "SELECT 1", snapshot_id="1"), 404)
    check_envelope(shared_client.get(URL), 405)


@pytest.fixture
def slots(shared_settings: Settings) -> Slots:
    """The slots of the service, which processes share by a file."""
    return Slots(
        shared_settings.home / LOCK_FILE_NAME,
        shared_settings.sql_pool_size,
        shared_settings.sql_queries_per_address,
    )


def test_a_query_in_a_full_pool_is_refused_with_retry_after(
    shared_client: FlaskClient, slots: Slots
) -> None:
    with slots.take("192.0.2.1"), slots.take("192.0.2.2"):
        response = ask(shared_client, "SELECT 1")
    body = check_envelope(response, 429)
    assert "sql_pool_size = 2" in body["message"]
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("address", "held"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::"), ("2001:db8::2", "2001:db8::")],
)
def test_a_second_query_of_an_address_is_refused_with_retry_after(
    shared_client: FlaskClient, slots: Slots, address: str, held: str
) -> None:
    from_there = {"REMOTE_ADDR": address}
    with slots.take(f"address:{held}"):
        response = shared_client.post(URL, json={"query": "SELECT 1"}, environ_overrides=from_there)
        assert ask(shared_client, "SELECT 1").status_code == 200
    body = check_envelope(response, 429)
    assert "sql_queries_per_address = 1" in body["message"]
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("error", "status"),
    [(SqlCrashed(-9), 503), (SqlUnreadable(1), 503), (SqlAbandoned(), 408)],
)
def test_failures_of_the_service_are_not_4xx_errors_of_the_query(
    shared_client: FlaskClient,
    shared_services: Services,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(shared_services.reading.sql, "run", fail)
    assert check_envelope(ask(shared_client, "SELECT 1"), status)["errors"] == {}


def test_sql_that_is_switched_off_is_not_there(shared_settings: Settings) -> None:
    off = create_app(Settings.at(shared_settings.home, sql_enabled=False)).test_client()
    assert "switched off" in check_envelope(ask(off, "SELECT 1"), 404)["message"]
