from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.api.answers import SNAPSHOT_HEADER
from app.api.formats import STREAMS
from app.services import Services
from catalog.records import Turn
from catalog.snapshots import Snapshot, tag_snapshot
from catalog.table import load_table
from tests.app.api.views.answered_rows import OURS, URL, get, ids, rows_of
from tests.factories import FIRST_DAY, commit_batch, make_received

PATHS = pytest.mark.parametrize("path", [URL, f"{URL}/count"])


def test_an_empty_lake_is_read_as_empty(client: FlaskClient) -> None:
    assert get(client) == {"contributions": [], "snapshot_id": None, "next_cursor": None}
    assert get(client, f"{URL}/count") == {"count": 0, "snapshot_id": None}
    for media_type in STREAMS:
        response = client.get(URL, headers={"Accept": media_type})
        assert response.status_code == 200
        assert rows_of(media_type, response.data) == []
        assert SNAPSHOT_HEADER not in response.headers


def by_id(snapshot: Snapshot) -> dict[str, str]:
    return {"snapshot_id": str(snapshot.snapshot_id)}


def by_tag(snapshot: Snapshot) -> dict[str, str]:
    return {"tag": f"tag-{snapshot.sequence_number}"}


def by_time(snapshot: Snapshot) -> dict[str, str]:
    return {"as_of": snapshot.committed_at.isoformat()}


def by_time_of_another_zone(snapshot: Snapshot) -> dict[str, str]:
    local = (snapshot.committed_at + timedelta(hours=5, minutes=30)).replace(tzinfo=None)
    return {"as_of": f"{local.isoformat()}+05:30"}


def by_time_without_zone(snapshot: Snapshot) -> dict[str, str]:
    return {"as_of": snapshot.committed_at.replace(tzinfo=None).isoformat()}


@pytest.mark.slow
@pytest.mark.both
@pytest.mark.parametrize(
    "refer", [by_id, by_tag, by_time, by_time_of_another_zone, by_time_without_zone]
)
def test_each_kind_of_reference_reads_exactly_the_rows_of_its_moment(
    client: FlaskClient, services: Services, refer: Callable[[Snapshot], dict[str, str]]
) -> None:
    expected: list[tuple[Snapshot, list[str]]] = []
    there: list[str] = []
    for day in (0, 3, 1):
        made = [make_received(day), make_received(day)]
        snapshot = commit_batch(services, *made)
        tag = f"tag-{snapshot.sequence_number}"
        tag_snapshot(load_table(services.catalog), tag, snapshot.snapshot_id)
        there = sorted([*there, *(row.contribution_id for row in made)])
        expected.append((snapshot, there))
    for snapshot, contribution_ids in expected:
        reference = refer(snapshot)
        found = get(client, **reference)
        assert [row["contribution_id"] for row in found["contributions"]] == contribution_ids
        assert found["snapshot_id"] == str(snapshot.snapshot_id)
        counted = get(client, f"{URL}/count", **reference)
        assert counted == {
            "count": len(contribution_ids),
            "snapshot_id": str(snapshot.snapshot_id),
        }


@pytest.mark.usefixtures("two_contributions")
@PATHS
@pytest.mark.parametrize(
    "reference",
    [
        {"snapshot_id": "1"},
        {"snapshot_id": "9223372036854775807"},
        {"tag": "none"},
        {"tag": "main"},
        {"tag": "../x"},
        {"as_of": "2001-01-01T00:00:00Z"},
    ],
)
def test_a_moment_that_never_was_is_not_found(
    shared_client: FlaskClient, path: str, reference: dict[str, str]
) -> None:
    response = shared_client.get(path, query_string=reference)
    assert response.status_code == 404
    assert response.get_json()["code"] == 404


@PATHS
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("snapshot_id", ""),
        ("snapshot_id", "x"),
        ("snapshot_id", "-1"),
        ("snapshot_id", "1.0"),
        ("snapshot_id", " 1"),
        ("snapshot_id", "1\n"),
        ("snapshot_id", "\u0661"),
        ("snapshot_id", "9223372036854775808"),
        ("snapshot_id", "9" * 400),
        ("tag", ""),
        ("tag", "x" * 256),
        ("as_of", ""),
        ("as_of", "yesterday"),
        ("as_of", "2026-13-01T00:00:00Z"),
        ("as_of", "0001-01-01T00:00:00+23:00"),
        ("as_of", "9999-12-31T23:59:59-23:00"),
        ("day", "2026-02-30"),
        ("day_from", "1"),
        ("day_to", "tomorrow"),
        ("rating", "great"),
        ("has_tools", "yes"),
        ("has_alternatives", ""),
        ("rating", "Positive"),
        ("versions", "newest"),
        ("min_turns", "x"),
        ("min_turns", "-1"),
        ("max_turns", "1.5"),
        ("max_turns", "9" * 30),
        ("q", ""),
        ("q", "x" * 1025),
        ("absent", ""),
        ("absent", "agent_id"),
        ("absent", "contributor_id,nothing"),
        ("snapshot", "1"),
        ("Tag", "x"),
    ],
)
def test_a_malformed_or_unknown_parameter_is_named(
    shared_client: FlaskClient, path: str, name: str, value: str
) -> None:
    response = shared_client.get(path, query_string={name: value})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == [name]


@PATHS
@pytest.mark.parametrize(
    "references",
    [
        {"snapshot_id": "1", "tag": "x"},
        {"snapshot_id": "1", "as_of": "2026-01-01T00:00:00Z"},
        {"tag": "x", "as_of": "2026-01-01T00:00:00Z"},
        {"tag": "x", "as_of": "2026-01-01T00:00:00Z", "snapshot_id": "1"},
    ],
)
def test_two_references_at_once_are_refused(
    shared_client: FlaskClient, path: str, references: dict[str, str]
) -> None:
    response = shared_client.get(path, query_string=references)
    assert response.status_code == 422
    (message,) = response.get_json()["errors"].values()
    for name in references:
        assert name in message[0]


@pytest.mark.parametrize("bound", ["day_from", "day_to"])
def test_a_day_and_a_range_of_days_at_once_are_refused(
    shared_client: FlaskClient, bound: str
) -> None:
    response = shared_client.get(URL, query_string={"day": "2026-01-01", bound: "2026-01-01"})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["day"]


@pytest.mark.parametrize(
    ("least", "most"),
    [
        ({"day_from": "2026-01-02"}, {"day_to": "2026-01-01"}),
        ({"min_turns": "2"}, {"max_turns": "1"}),
    ],
)
def test_a_range_that_ends_before_it_begins_is_refused(
    shared_client: FlaskClient, least: dict[str, str], most: dict[str, str]
) -> None:
    response = shared_client.get(URL, query_string={**least, **most})
    assert response.status_code == 422
    (message,) = response.get_json()["errors"][next(iter(most))]
    assert next(iter(least)) in message


@pytest.mark.slow
@pytest.mark.both
def test_filters_select_by_their_columns_alone_and_combined(
    client: FlaskClient, services: Services
) -> None:
    rated = (Turn("Hi", "user"), Turn("Hello", "assistant", rating="negative"))
    first = make_received(0, source="app", contributor_id="ada", agent_id="m")
    called = (Turn("Hi", "user"), Turn("Hello", "assistant", model="m"))
    second = make_received(
        1,
        source="app",
        contributor_id="bob",
        agent_id="n",
        conversation=called,
        tools="[]",
        labels={"a": "1"},
        content_hash=first.content_hash,
    )
    third = make_received(
        2,
        source="script",
        contributor_id="ada",
        agent_id="n",
        conversation=rated,
        labels={"a": "2", "b": "c"},
    )
    commit_batch(services, first, second, third)
    named = {
        first.contribution_id: "first",
        second.contribution_id: "second",
        third.contribution_id: "third",
    }
    day = [(FIRST_DAY + timedelta(days=number)).date().isoformat() for number in range(3)]
    selections: list[tuple[dict[str, Any], list[str]]] = [
        ({"absent": "attribution"}, ["first", "second", "third"]),
        ({"absent": "attribution,source"}, []),
        ({"content_hash": second.content_hash}, ["first", "second"]),
        ({"conversation_id": third.conversation_id}, ["third"]),
        (
            {"q": "HELLO", "role": "assistant", "min_turns": "2", "max_turns": "2"},
            ["first", "second", "third"],
        ),
        ({"q": "none such"}, []),
        ({"role": "system"}, []),
        ({"min_turns": "3"}, []),
        ({"day": day[1]}, ["second"]),
        ({"day_from": day[1]}, ["second", "third"]),
        ({"day_to": day[1]}, ["first", "second"]),
        ({"day_from": day[1], "day_to": day[1]}, ["second"]),
        ({"day_from": "0001-01-01", "day_to": "9999-12-31"}, ["first", "second", "third"]),
        ({"source": "app"}, ["first", "second"]),
        ({"source": ""}, []),
        ({"source": "\x00"}, []),
        ({"contributor_id": "ada"}, ["first", "third"]),
        ({"agent_id": "n"}, ["second", "third"]),
        ({"rating": "negative"}, ["third"]),
        ({"rating": "positive"}, []),
        ({"source": "app", "contributor_id": "ada"}, ["first"]),
        ({"agent_id": "n", "rating": "negative", "day": day[2]}, ["third"]),
        ({"agent_id": "n", "rating": "negative", "day": day[1]}, []),
        ({"model": "m", "has_tools": "true", "has_alternatives": "false"}, ["second"]),
        ({"has_tools": "false"}, ["first", "third"]),
        ({"label": "a"}, ["second", "third"]),
        ({"label": ["a", "b:c"]}, ["third"]),
    ]
    for parameters, expected in selections:
        assert [named[found] for found in ids(client, **parameters)] == expected, parameters
        assert get(client, f"{URL}/count", **parameters)["count"] == len(expected), parameters


@pytest.mark.slow
@pytest.mark.both
def test_latest_versions_are_the_default_and_all_can_be_had(
    client: FlaskClient, services: Services
) -> None:
    key = {"contributor_id": "ada", "conversation_id": "my-chat"}
    first, second = make_received(0, "first", **key), make_received(1, "second", **key)
    before = commit_batch(services, first)
    commit_batch(services, second)
    assert ids(client) == ids(client, versions="latest") == [second.contribution_id]
    assert ids(client, versions="all") == [first.contribution_id, second.contribution_id]
    assert ids(client, snapshot_id=before.snapshot_id) == [first.contribution_id]
    assert get(client, f"{URL}/count", versions="all")["count"] == 2


@pytest.mark.slow
@pytest.mark.both
def test_the_versions_of_a_conversation_come_in_pages_of_one_snapshot(
    client: FlaskClient, services: Services
) -> None:
    key = {"contributor_id": "ada", "conversation_id": "my-chat"}
    rows = [make_received(day, str(day), **key) for day in range(3)]
    snapshots = [commit_batch(services, row) for row in rows]
    path = f"{URL}/{rows[1].contribution_id}/versions"
    page = get(client, path, limit=2)
    assert page["snapshot_id"] == str(snapshots[2].snapshot_id)
    commit_batch(services, make_received(0, "later", **key))
    last = get(client, path, limit=2, cursor=page["next_cursor"])
    assert last["next_cursor"] is None
    found = page["versions"] + last["versions"]
    assert [version["contribution_id"] for version in found] == [
        row.contribution_id for row in rows
    ]
    assert [version["snapshot_id"] for version in found] == [
        str(snapshot.snapshot_id) for snapshot in snapshots
    ]
    assert [version["is_current"] for version in found] == [False, False, True]
    then = get(client, path, snapshot_id=snapshots[1].snapshot_id)
    assert [version["is_current"] for version in then["versions"]] == [False, True]


@pytest.mark.usefixtures("two_contributions")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 404),
        ("?snapshot_id=x", 422),
        ("?limit=0", 422),
        ("?limit=1001", 422),
        ("?cursor=x", 422),
        ("?tag=none", 404),
        ("?source=x", 422),
    ],
)
def test_missing_versions_are_404_and_invalid_requests_422(
    shared_client: FlaskClient, query: str, status: int
) -> None:
    assert shared_client.get(f"{URL}/{OURS}/versions{query}").status_code == status


def test_one_contribution_is_read_by_its_id_at_any_snapshot(
    client: FlaskClient, services: Services
) -> None:
    before = commit_batch(services, make_received())
    later = make_received(1, "later")
    after = commit_batch(services, later)
    path = f"{URL}/{later.contribution_id}"
    response = client.get(path)
    assert response.headers[SNAPSHOT_HEADER] == str(after.snapshot_id)
    (listed,) = [row for row in get(client)["contributions"] if row["sequence_number"] == 2]
    assert response.get_json() == listed
    assert listed["conversation"][0]["content"] == "later"
    assert client.get(path, query_string={"snapshot_id": before.snapshot_id}).status_code == 404


@pytest.mark.usefixtures("two_contributions")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        (OURS, 404),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", 404),
        ("not-an-id", 404),
        (f"{OURS}?snapshot_id=x", 422),
        (f"{OURS}?tag=none", 404),
        (f"{OURS}?limit=1", 422),
        (f"{OURS}?tag=a&snapshot_id=1", 422),
    ],
)
def test_a_missing_contribution_is_404_and_an_invalid_request_422(
    shared_client: FlaskClient, path: str, status: int
) -> None:
    assert shared_client.get(f"{URL}/{path}").status_code == status
