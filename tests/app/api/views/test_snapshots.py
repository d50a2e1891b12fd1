from datetime import datetime

import pytest
from flask.testing import FlaskClient

from app.services import Services
from catalog.snapshots import tag_snapshot
from catalog.table import load_table
from tests.factories import commit_batch, make_received

URL = "/v1/snapshots"


def test_an_empty_lake_has_no_snapshots(client: FlaskClient) -> None:
    assert client.get(URL).get_json() == {"snapshots": [], "next_cursor": None}


@pytest.mark.slow
@pytest.mark.both
def test_snapshots_come_newest_first_in_pages(client: FlaskClient, services: Services) -> None:
    made = [str(commit_batch(services, make_received()).snapshot_id) for _ in range(5)][::-1]
    found: list[str] = []
    parameters = {"limit": "2"}
    pages = 0
    while True:
        page = client.get(URL, query_string=parameters).get_json()
        found += [snapshot["snapshot_id"] for snapshot in page["snapshots"]]
        pages += 1
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert found == made
    assert pages == 3


def test_a_list_continues_below_its_cursor_while_the_lake_grows(
    client: FlaskClient, services: Services
) -> None:
    oldest = commit_batch(services, make_received())
    commit_batch(services, make_received())
    cursor = client.get(URL, query_string={"limit": 1}).get_json()["next_cursor"]
    commit_batch(services, make_received())
    page = client.get(URL, query_string={"limit": 1, "cursor": cursor}).get_json()
    (snapshot,) = page["snapshots"]
    assert snapshot["snapshot_id"] == str(oldest.snapshot_id)
    assert page["next_cursor"] is None


def test_a_snapshot_has_the_same_description_alone_and_in_the_list(
    client: FlaskClient, services: Services
) -> None:
    made = commit_batch(services, make_received(0), make_received(1))
    alone = client.get(f"{URL}/{made.snapshot_id}").get_json()
    assert client.get(URL).get_json()["snapshots"] == [alone]
    assert alone["snapshot_id"] == str(made.snapshot_id)
    assert datetime.fromisoformat(alone["committed_at"]) == made.committed_at
    assert alone["batch_id"] == made.batch_id
    assert (alone["added_rows"], alone["total_rows"], alone["added_files"]) == (2, 2, 2)
    assert (alone["sequence_number"], alone["operation"]) == (1, "append")


@pytest.mark.parametrize("snapshot_id", ["1", "0", "9223372036854775807"])
def test_an_unknown_snapshot_is_not_found(client: FlaskClient, snapshot_id: str) -> None:
    response = client.get(f"{URL}/{snapshot_id}")
    assert response.status_code == 404
    assert snapshot_id in response.get_json()["message"]


@pytest.mark.parametrize(
    "snapshot_id", ["x", "-1", "1.5", "1%0A", "%20", "9223372036854775808", "9" * 400, "%D9%A1"]
)
def test_a_malformed_snapshot_id_is_refused_in_the_path_too(
    client: FlaskClient, snapshot_id: str
) -> None:
    response = client.get(f"{URL}/{snapshot_id}")
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["snapshot_id"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cursor", "x"),
        ("cursor", "-1"),
        ("cursor", ""),
        ("cursor", "\u0661"),
        ("cursor", "9" * 30),
        ("limit", "0"),
        ("limit", "1001"),
        ("before", "1"),
    ],
)
def test_a_malformed_or_unknown_parameter_is_named(
    client: FlaskClient, name: str, value: str
) -> None:
    response = client.get(URL, query_string={name: value})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == [name]


@pytest.mark.both
def test_a_snapshot_is_found_by_any_kind_of_moment(client: FlaskClient, services: Services) -> None:
    older = commit_batch(services, make_received())
    tag_snapshot(load_table(services.catalog), "2026-11", older.snapshot_id)
    newer = commit_batch(services, make_received())
    for moment, snapshot in [
        ("tag:2026-11", older),
        (f"as_of:{older.committed_at.isoformat()}", older),
        ("as_of:2999-01-01", newer),
        ("now", newer),
        (str(older.snapshot_id), older),
    ]:
        found = client.get(f"{URL}/{moment}").get_json()
        assert found["snapshot_id"] == str(snapshot.snapshot_id), moment


@pytest.mark.parametrize("moment", ["now", "tag:none", "as_of:2001-01-01T00:00:00Z"])
def test_a_moment_that_names_no_snapshot_is_not_found(client: FlaskClient, moment: str) -> None:
    assert client.get(f"{URL}/{moment}").status_code == 404


@pytest.mark.parametrize("moment", ["Now", "tag:", "as_of:", "as_of:x", "snapshot_id:1", "main"])
def test_an_invalid_moment_is_refused(client: FlaskClient, moment: str) -> None:
    response = client.get(f"{URL}/{moment}")
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["snapshot_id"]
