from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app.api.schemas.sql import MAX_QUERY_CHARACTERS
from app.query.sql.tables import columns_of_tables
from app.services import Services
from app.settings import Settings
from app.site.exploring.query import ExploreQuery
from app.site.exploring.sql import query_of
from app.site.views.sql import EXAMPLES
from catalog.snapshots import Snapshot
from tests.factories import commit_batch, make_received
from tests.lakes import opened_app

pytestmark = pytest.mark.slow

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def snapshot(shared_services: Services) -> Snapshot:
    """The snapshot of a lake with two contributions."""
    return commit_batch(shared_services, make_received(0, EVIL, "Hello"), make_received(1))


@pytest.fixture
def site(shared_client: FlaskClient, snapshot: Snapshot) -> FlaskClient:  # noqa: ARG001
    """A client of that lake."""
    return shared_client


@pytest.fixture(scope="module")
def strict(shared_settings: Settings) -> Iterator[FlaskClient]:
    """A client of a service that lets a client run one query a minute."""
    with opened_app(replace(shared_settings, costly_reads_per_minute=1)) as application:
        yield application.test_client()


def ask(client: FlaskClient, query: str, **parameters: str) -> TestResponse:
    return client.get("/sql", query_string={"q": query, **parameters})


def test_the_console_says_limits_tables_and_examples_before_anything_runs(
    site: FlaskClient,
) -> None:
    page = site.get("/sql").text
    assert "60 seconds with 512 MiB" in page
    assert "50,000 rows" in page
    assert "turn_number" in page
    for name in EXAMPLES:
        assert name in page
    assert "Result" not in page


def test_the_console_takes_every_filter_from_the_page_to_explore(
    site: FlaskClient, snapshot: Snapshot
) -> None:
    given = {
        "q": "hello",
        "role": "user",
        "rating": "positive",
        "model": "m",
        "label": "a:b",
        "has_tools": "true",
        "has_alternatives": "false",
        "absent": "source",
        "min_turns": "1",
        "max_turns": "9",
        "day_from": "2026-01-01",
        "day_to": "2026-12-31",
    }
    query = query_of(ExploreQuery.parse(MultiDict(given)).filters.contributions)
    answer = ask(site, query, snapshot_id=str(snapshot.snapshot_id))
    assert answer.status_code == 200, answer.text
    assert "0 rows, as of snapshot" in answer.text


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_runs(site: FlaskClient, name: str) -> None:
    answer = ask(site, EXAMPLES[name])
    assert answer.status_code == 200, answer.text
    assert "Result</h2>" in answer.text


def test_the_tables_have_the_columns_that_are_proposed(site: FlaskClient) -> None:
    for table, columns in columns_of_tables().items():
        answer = site.post("/v1/sql", json={"query": f"SELECT * FROM {table} LIMIT 0"})
        found = [column["name"] for column in answer.get_json()["columns"]]
        assert sorted(found) == sorted(column.name for column in columns)


def test_a_result_is_a_table_of_text_and_links_to_its_snapshot(
    site: FlaskClient, snapshot: Snapshot
) -> None:
    page = ask(site, "SELECT content, NULL AS nothing FROM turns ORDER BY received_at").text
    assert EVIL not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</div></td>" in page
    assert '<td class="null">null</td>' in page
    assert f"snapshot_id={snapshot.snapshot_id}" in page
    assert "4 rows" in page


def test_a_query_reads_the_snapshot_that_it_names(site: FlaskClient, snapshot: Snapshot) -> None:
    count = "SELECT count(*) AS n FROM contributions"
    assert (
        '<td class="number">2</td>' in ask(site, count, snapshot_id=str(snapshot.snapshot_id)).text
    )
    assert ask(site, count, tag="none").status_code == 404
    assert "Tag" in ask(site, count, tag="none", as_of="2026-01-01").text


def test_what_is_wrong_stands_beside_the_query_with_its_place(site: FlaskClient) -> None:
    answer = ask(site, "SELECT role,\n  nope FROM turns WHERE )")
    assert answer.status_code == 422
    assert "Line 2, column 25" in answer.text
    assert "syntax error" in answer.text
    assert "nope FROM turns WHERE )</textarea>" in answer.text
    assert answer.headers["Content-Type"].startswith("text/html")
    evil = ask(site, f"SELECT '</textarea>{EVIL}' +")
    assert evil.status_code == 422
    assert EVIL not in evil.text


def test_parameters_that_are_wrong_are_told(site: FlaskClient) -> None:
    assert ask(site, "SELECT 1", limit="3").status_code == 422
    assert ask(site, "x" * (MAX_QUERY_CHARACTERS + 1)).status_code == 422
    assert site.get("/sql/download/xlsx?q=SELECT+1").status_code == 404
    assert site.get("/sql/download/csv").status_code == 422


@pytest.mark.parametrize("form", ["csv", "parquet", "ndjson", "arrow"])
def test_all_rows_are_sent_as_a_file(site: FlaskClient, form: str) -> None:
    query = {"q": "SELECT range AS n FROM range(2000)"}
    answer = site.get(f"/sql/download/{form}", query_string=query)
    suffix = "arrows" if form == "arrow" else form
    assert answer.headers["Content-Disposition"] == f'attachment; filename="rows.{suffix}"'
    match form:
        case "parquet":
            rows = pq.read_table(BytesIO(answer.data)).num_rows
        case "arrow":
            rows = pa.ipc.open_stream(answer.data).read_all().num_rows
        case _:
            rows = len(answer.text.splitlines()) - (form == "csv")
    assert rows == 2000


def test_a_query_is_a_costly_read_and_the_console_is_not(strict: FlaskClient) -> None:
    for _ in range(3):
        assert strict.get("/sql").status_code == 200
    assert ask(strict, "SELECT 1").status_code == 200
    refused = ask(strict, "SELECT 2")
    assert refused.status_code == 429
    assert "Retry-After" in refused.headers
    assert "SELECT 2</textarea>" in refused.text
    assert strict.get("/sql/download/csv?q=SELECT+1").status_code == 429


def test_a_console_that_is_switched_off_is_not_there(settings: Settings) -> None:
    with opened_app(replace(settings, sql_enabled=False)) as application:
        client = application.test_client()
        for path in ("/sql", "/sql?q=SELECT+1"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert "switched off" in answer.text
