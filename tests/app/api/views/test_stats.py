"""Counts over HTTP."""

import csv
import json
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from app.api.answers import SNAPSHOT_HEADER, TRUNCATED_HEADER
from app.api.formats import ARROW_STREAM, CSV, NDJSON, PARQUET
from app.api.schemas.selection import SelectionSchema
from app.services import Services
from app.settings import Settings
from catalog.reading.plans import plan
from catalog.records import Turn
from catalog.snapshots import tag_snapshot
from catalog.table import load_table
from tests.factories import FIRST_DAY, commit_batch, make_received
from tests.lakes import LakeTemplate

URL = "/v1/stats"
MAX_GROUPS = 3
FILTERS: dict[str, object] = {
    "day": FIRST_DAY.date().isoformat(),
    "day_from": FIRST_DAY.date().isoformat(),
    "day_to": FIRST_DAY.date().isoformat(),
    "conversation_id": "chat-1",
    "source": "app",
    "contributor_id": "ada",
    "attribution": "Ada",
    "agent_id": "m",
    "prompt_template": "p",
    "chat_template": "c",
    "content_hash": "0" * 64,
    "absent": "contributor_id",
    "min_turns": 1,
    "max_turns": 1,
    "role": "user",
    "rating": "positive",
    "q": "hello",
    "model": "m",
    "has_tools": "true",
    "has_alternatives": "false",
    "label": "a:b",
    "versions": "all",
}
OF_THE_REFERENCE = {"snapshot_id", "tag", "as_of"}


@pytest.fixture
def settings(tmp_path: Path, lake_template: LakeTemplate) -> Settings:
    """A lake that tells few groups."""
    return lake_template.copy(tmp_path / "home", max_groups=MAX_GROUPS)


def get(client: FlaskClient, **parameters: Any) -> dict[str, Any]:
    response = client.get(URL, query_string=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    return body


def test_counts_are_by_day_by_default(client: FlaskClient, services: Services) -> None:
    snapshot = commit_batch(services, make_received(0), make_received(1), make_received(1))
    days = [(FIRST_DAY + timedelta(days=day)).date().isoformat() for day in range(2)]
    assert get(client) == {
        "by": ["day"],
        "groups": [
            {"day": days[0], "contributions": 1, "turns": 2},
            {"day": days[1], "contributions": 2, "turns": 4},
        ],
        "total_groups": 2,
        "truncated": False,
        "snapshot_id": str(snapshot.snapshot_id),
    }


@pytest.mark.slow
def test_any_kind_of_reference_counts_as_of_its_moment(
    client: FlaskClient, services: Services
) -> None:
    key = {"contributor_id": "ada", "conversation_id": "chat-1"}
    then = commit_batch(services, make_received(0, **key), make_received(0))
    tag_snapshot(load_table(services.catalog), "then", then.snapshot_id)
    commit_batch(services, make_received(0, **key), make_received(0))
    for reference in (
        {"snapshot_id": then.snapshot_id},
        {"tag": "then"},
        {"as_of": then.committed_at.isoformat()},
    ):
        stats = get(client, **reference)
        assert stats["snapshot_id"] == str(then.snapshot_id)
        assert stats["groups"][0]["contributions"] == 2
    assert get(client)["groups"][0]["contributions"] == 3
    assert get(client, versions="all")["groups"][0]["contributions"] == 4


@pytest.mark.slow
def test_every_form_holds_the_same_groups(client: FlaskClient, services: Services) -> None:
    snapshot = commit_batch(services, make_received(0, source="=1"), make_received(0))
    parameters = {"by": "source"}
    expected = get(client, **parameters)["groups"]
    answers = {}
    for media_type in (NDJSON, ARROW_STREAM, PARQUET, CSV):
        response = client.get(URL, query_string=parameters, headers={"Accept": media_type})
        assert response.mimetype == media_type
        assert response.headers[SNAPSHOT_HEADER] == str(snapshot.snapshot_id)
        answers[media_type] = response.data
    assert [json.loads(line) for line in answers[NDJSON].splitlines()] == expected
    assert pa.ipc.open_stream(answers[ARROW_STREAM]).read_all().to_pylist() == expected
    assert pq.read_table(BytesIO(answers[PARQUET])).to_pylist() == expected
    assert list(csv.reader(StringIO(answers[CSV].decode()))) == [
        ["source", "contributions", "turns"],
        ["'=1", "1", "2"],
        ["", "1", "2"],
    ]


@pytest.mark.slow
def test_left_out_groups_are_marked_in_every_format(
    client: FlaskClient, services: Services
) -> None:
    commit_batch(services, *(make_received(0, agent_id=str(agent)) for agent in range(5)))
    stats = get(client, by="agent_id")
    assert (len(stats["groups"]), stats["total_groups"], stats["truncated"]) == (3, 5, True)
    response = client.get(URL, query_string={"by": "agent_id"}, headers={"Accept": CSV})
    assert response.headers[TRUNCATED_HEADER] == "max_groups"
    assert TRUNCATED_HEADER not in client.get(URL).headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("by", ""),
        ("by", "day,"),
        ("by", "day,content"),
        ("by", "received_at"),
        ("day", "x"),
        ("snapshot_id", "x"),
        ("limit", "1"),
        ("group", "day"),
    ],
)
def test_a_malformed_or_unknown_parameter_is_named(
    shared_client: FlaskClient, name: str, value: str
) -> None:
    response = shared_client.get(URL, query_string={name: value})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == [name]


def test_a_dimension_that_is_named_twice_counts_once(
    client: FlaskClient, services: Services
) -> None:
    commit_batch(services, make_received(0))
    assert get(client, by="source,day,source")["by"] == ["source", "day"]


def test_filters_are_those_of_contributions(client: FlaskClient, services: Services) -> None:
    commit_batch(services, make_received(0, source="app"), make_received(1, source="app"))
    day = FIRST_DAY.date().isoformat()
    (group,) = get(client, by="source", day=day, source="app")["groups"]
    assert group == {"source": "app", "contributions": 1, "turns": 2}


@pytest.fixture(scope="module")
def versions(shared_services: Services) -> None:
    """Two versions of a conversation in the shared lake, and two other contributions."""
    rated = (Turn("Hi", "user"), Turn("Hello", "assistant", "positive"))
    key = {"contributor_id": "ada", "conversation_id": "chat-1", "source": "app", "agent_id": "m"}
    first = make_received(0, conversation=rated, **key)
    commit_batch(shared_services, first, make_received(0, "one"))
    commit_batch(shared_services, make_received(1, "one", **key), make_received(1))


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize("name", sorted(SelectionSchema().fields.keys() - OF_THE_REFERENCE))
def test_every_filter_of_contributions_selects_the_same_here(
    shared_client: FlaskClient, name: str
) -> None:
    parameters = {name: FILTERS[name]}
    counted = shared_client.get("/v1/contributions/count", query_string=parameters).get_json()[
        "count"
    ]
    assert (
        sum(group["contributions"] for group in get(shared_client, **parameters)["groups"])
        == counted
    )


@pytest.mark.parametrize("url", [URL, "/v1/changes", "/v1/snapshots/{}/diff/now"])
def test_an_unreachable_file_is_503_with_retry_after(
    client: FlaskClient, services: Services, url: str
) -> None:
    before = commit_batch(services, make_received(0))
    after = commit_batch(services, make_received(0))
    url = url.format(before.snapshot_id)
    (file,) = plan(load_table(services.catalog), after, after=before.sequence_number)
    path = Path(file.path.removeprefix("file://"))
    away = path.rename(path.with_suffix(".away"))
    response = client.get(url)
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    away.rename(path)
    assert client.get(url).status_code == 200
