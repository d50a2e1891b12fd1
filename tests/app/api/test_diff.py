"""Diffs of two snapshots over HTTP."""

import json
from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from app.api.answers import SNAPSHOT_HEADER
from app.api.formats import ARROW_STREAM, CSV, NDJSON
from app.query.history.diff import DIFF_SCHEMA
from app.services import Services
from catalog.snapshots import Snapshot, tag_snapshot
from catalog.table import load_table
from tests.factories import commit_batch, make_received

KEY = {"contributor_id": "ada", "conversation_id": "chat-1"}


def url(before: object, after: object) -> str:
    return f"/v1/snapshots/{before}/diff/{after}"


def get(client: FlaskClient, before: object, after: object, **parameters: Any) -> dict[str, Any]:
    response = client.get(url(before, after), query_string=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    return body


@pytest.fixture
def snapshots(services: Services) -> tuple[Snapshot, Snapshot]:
    """Two snapshots: in the second, one contribution is replaced, and two are added."""
    before = commit_batch(services, make_received(0, **KEY), make_received(0))
    after = commit_batch(services, make_received(1, **KEY), make_received(1))
    return before, after


def test_a_diff_has_both_snapshots_the_counts_and_the_rows(
    client: FlaskClient, snapshots: tuple[Snapshot, Snapshot]
) -> None:
    before, after = (each.snapshot_id for each in snapshots)
    found = get(client, before, after)
    assert found["before"] == client.get(f"/v1/snapshots/{before}").get_json()
    assert found["after"] == client.get(f"/v1/snapshots/{after}").get_json()
    assert (found["added"], found["replaced"], found["taken_down"]) == (2, 1, 0)
    assert [row["change"] for row in found["rows"]] == ["replaced", "added", "added"]
    assert found["rows"][0]["replaced_by"] == found["rows"][1]["contribution_id"]
    assert found["rows_truncated"] is False


@pytest.mark.slow
def test_all_rows_come_as_a_stream_and_the_first_of_them_in_json(
    client: FlaskClient, snapshots: tuple[Snapshot, Snapshot]
) -> None:
    before, after = (each.snapshot_id for each in snapshots)
    rows = get(client, before, after)["rows"]
    first = get(client, before, after, limit=2)
    assert (first["rows"], first["rows_truncated"], first["added"]) == (rows[:2], True, 2)
    for parameters, expected in [({}, rows), ({"limit": 1}, rows[:1])]:
        for media_type in (NDJSON, ARROW_STREAM, CSV):
            # Closed as by a server, or its thread would count as taken.
            with client.get(
                url(before, after), query_string=parameters, headers={"Accept": media_type}
            ) as response:
                assert response.headers[SNAPSHOT_HEADER] == str(after)
                assert _count(media_type, response.data) == len(expected)
    response = client.get(url(before, after), headers={"Accept": NDJSON})
    assert [json.loads(line) for line in response.data.splitlines()] == rows


def _count(media_type: str, body: bytes) -> int:
    if media_type != ARROW_STREAM:
        header = media_type == CSV
        return len(body.splitlines()) - header
    table = pa.ipc.open_stream(body).read_all()
    assert table.schema == DIFF_SCHEMA
    return int(table.num_rows)


def test_any_kind_of_moment_may_be_compared(
    client: FlaskClient, services: Services, snapshots: tuple[Snapshot, Snapshot]
) -> None:
    before, after = snapshots
    tag_snapshot(load_table(services.catalog), "first", before.snapshot_id)
    expected = get(client, before.snapshot_id, after.snapshot_id)
    for first in ("tag:first", f"as_of:{before.committed_at.isoformat()}"):
        assert get(client, first, "now") == expected, first


def test_a_diff_does_not_go_back(client: FlaskClient, snapshots: tuple[Snapshot, Snapshot]) -> None:
    before, after = (each.snapshot_id for each in snapshots)
    response = client.get(url(after, before))
    assert response.status_code == 422
    assert str(after) in response.get_json()["errors"]["after"][0]


def test_invalid_parameters_are_named(client: FlaskClient, services: Services) -> None:
    commit_batch(services, make_received())
    for before, after, status, named in (
        ("x", "now", 422, "before"),
        ("now", "yesterday", 422, "after"),
        ("1", "now", 404, None),
        ("now", "tag:none", 404, None),
        ("now", "now?limit=0", 422, "limit"),
        ("now", "now?limit=1001", 422, "limit"),
        ("now", "now?cursor=x", 422, "cursor"),
    ):
        response = client.get(url(before, after))
        assert response.status_code == status, (before, after)
        assert list(response.get_json()["errors"]) == ([named] if named else []), (before, after)


def test_a_form_that_is_not_offered_is_refused(client: FlaskClient, services: Services) -> None:
    commit_batch(services, make_received())
    assert client.get(url("now", "now"), headers={"Accept": "image/png"}).status_code == 406
