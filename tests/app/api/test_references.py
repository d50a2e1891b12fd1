"""Every route that reads at a moment takes each kind of reference and names the snapshot."""

from itertools import product
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.api.answers import SNAPSHOT_HEADER
from app.services import Services
from catalog.snapshots import tag_snapshot
from catalog.table import load_table
from tests.factories import commit_batch, make_received

KINDS = {"snapshot_id", "tag", "as_of"}
PATHS = (
    "/v1/contributions",
    "/v1/contributions/count",
    "/v1/contributions/{contribution_id}",
    "/v1/stats",
    "/v1/changes",
)


def of_query(operation: dict[str, Any]) -> set[str]:
    return {given["name"] for given in operation.get("parameters", []) if given["in"] == "query"}


def test_routes_with_one_kind_of_reference_accept_all_kinds(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").get_json()["paths"]
    takers = {
        path: of_query(item["get"])
        for path, item in paths.items()
        if "get" in item and of_query(item["get"]) & KINDS
    }
    assert takers.keys() >= set(PATHS)
    for path, names in takers.items():
        assert names >= KINDS, path


@pytest.mark.slow
def test_each_kind_of_reference_is_answered_from_its_snapshot_which_is_named(
    client: FlaskClient, services: Services
) -> None:
    contribution = make_received(0)
    then = commit_batch(services, contribution)
    tag_snapshot(load_table(services.catalog), "then", then.snapshot_id)
    now = commit_batch(services, make_received(0))
    references = [
        ({"snapshot_id": str(then.snapshot_id)}, then),
        ({"tag": "then"}, then),
        ({"as_of": then.committed_at.isoformat()}, then),
        ({}, now),
    ]
    for path, (reference, snapshot) in product(PATHS, references):
        url = path.format(contribution_id=contribution.contribution_id)
        response = client.get(url, query_string=reference)
        assert response.status_code == 200, response.text
        named = response.headers.get(SNAPSHOT_HEADER) or response.get_json()["snapshot_id"]
        assert named == str(snapshot.snapshot_id), (path, reference)
