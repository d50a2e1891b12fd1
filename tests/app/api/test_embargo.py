"""A lake in whose embargo all of its snapshots are, as the public reads it over HTTP."""

from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.services import Services
from catalog.snapshots import Snapshot
from tests.factories import commit_batch, make_received


@pytest.fixture(scope="module")
def young(shared_services: Services) -> Iterator[Snapshot]:
    """The only snapshot, which isn't public yet."""
    shared_services.access.embargo.age = timedelta(hours=1)
    yield commit_batch(shared_services, make_received())
    shared_services.access.embargo.age = timedelta()


@pytest.fixture
def headers(shared_services: Services, request: pytest.FixtureRequest) -> dict[str, str]:
    """Headers with a new key to read."""
    key = shared_services.access.keys.create(request.node.name[:90], "read", None)
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    ("path", "empty"),
    [
        ("contributions", {"contributions": [], "snapshot_id": None, "next_cursor": None}),
        ("contributions/count", {"count": 0, "snapshot_id": None}),
        (
            "changes",
            {
                "contributions": [],
                "taken_down": [],
                "snapshot_id": None,
                "next_cursor": None,
                "more": False,
            },
        ),
        ("snapshots", {"snapshots": [], "next_cursor": None}),
    ],
)
@pytest.mark.usefixtures("young")
def test_a_lake_without_a_public_snapshot_reads_as_empty(
    shared_client: FlaskClient, path: str, empty: dict[str, Any]
) -> None:
    response = shared_client.get(f"/v1/{path}")
    assert response.json == empty
    assert response.headers["Cache-Control"] == "no-cache"
    assert "Authorization" in response.headers["Vary"]


@pytest.mark.usefixtures("young")
def test_statistics_and_sql_have_nothing_then(shared_client: FlaskClient) -> None:
    stats = shared_client.get("/v1/stats?by=day").get_json()
    assert (stats["groups"], stats["snapshot_id"]) == ([], None)
    query = {"query": "SELECT count(*) AS n FROM all_versions"}
    assert shared_client.post("/v1/sql", json=query).get_json()["rows"] == [{"n": 0}]


@pytest.mark.usefixtures("young")
@pytest.mark.parametrize("path", ["snapshots/now", "snapshots/now/diff/now", "changes?since=now"])
def test_now_is_not_found_then(shared_client: FlaskClient, path: str) -> None:
    assert shared_client.get(f"/v1/{path}").status_code == HTTPStatus.NOT_FOUND


def test_a_tag_of_a_young_snapshot_is_refused(
    shared_client: FlaskClient, shared_services: Services, young: Snapshot, headers: dict[str, str]
) -> None:
    shared_services.reading.snapshots.table().manage_snapshots().create_tag(
        young.snapshot_id, "young"
    ).commit()
    refused = shared_client.get("/v1/contributions?tag=young")
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert refused.headers["Chatlake-Public-From"]
    read = shared_client.get("/v1/contributions?tag=young", headers=headers)
    assert read.status_code == HTTPStatus.OK
    assert read.headers["Cache-Control"] == "private, no-cache"
