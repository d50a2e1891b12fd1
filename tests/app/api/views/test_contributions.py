import base64
import csv
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from io import BytesIO, StringIO
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from app.api.answers import SNAPSHOT_HEADER
from app.api.formats import ARROW_STREAM, CSV, JSON, NDJSON, PARQUET, STREAMS
from app.services import Services
from catalog.reading.scan import schema_of
from catalog.records import Contribution, Turn
from catalog.schema import ALWAYS_PRESENT, ARROW_SCHEMA
from catalog.snapshots import Snapshot, tag_snapshot
from catalog.table import load_table
from tests.app.api.cursors import cursor_of
from tests.factories import FIRST_DAY, commit_batch, make_received

URL = "/v1/contributions"
PATHS = pytest.mark.parametrize("path", [URL, f"{URL}/count"])
OURS = "01a2078f-240f-72b8-af80-7eba2ba52819"
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def rows(shared_services: Services) -> list[Contribution]:
    """The contributions of the shared lake, in the order of their ids."""
    made = [make_received(0, source="app"), make_received(1)]
    commit_batch(shared_services, *made)
    return made


def get(client: FlaskClient, path: str = URL, **parameters: Any) -> dict[str, Any]:
    response = client.get(path, query_string=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    return body


def ids(client: FlaskClient, **parameters: Any) -> list[str]:
    return [row["contribution_id"] for row in get(client, **parameters)["contributions"]]


def rows_of(media_type: str, body: bytes, columns: Sequence[str] = ARROW_SCHEMA.names) -> Rows:
    """Return the rows of an answer of any media type, with the values that JSON has."""
    if media_type == JSON:
        listed: Rows = json.loads(body)["contributions"]
        return listed
    if media_type == NDJSON:
        return [json.loads(line) for line in body.splitlines()]
    if media_type == CSV:
        return [as_json(row) for row in csv.DictReader(StringIO(body.decode(), newline=""))]
    if media_type == ARROW_STREAM:
        table = pa.ipc.open_stream(body).read_all()
    else:
        table = pq.read_table(BytesIO(body))
    assert table.schema == schema_of(columns)
    rows: Rows = table.to_pylist()
    for row in rows if "received_at" in columns else []:
        row["received_at"] = row["received_at"].isoformat().replace("+00:00", "Z")
    return rows


def as_json(row: dict[str, str]) -> dict[str, Any]:
    """Return a row of CSV with the values that JSON has."""
    values: dict[str, Any] = {name: text or None for name, text in row.items()}
    for name in values.keys() & {"conversation", "sequence_number"}:
        values[name] = json.loads(row[name])
    return values


def in_order(rows: Rows) -> Rows:
    """Sort rows, and write their times alike: in JSON, a whole second has no decimals."""
    spelled = [{**row, "received_at": row["received_at"].replace(".000000Z", "Z")} for row in rows]
    return sorted(spelled, key=lambda row: row["contribution_id"])


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


@pytest.mark.usefixtures("rows")
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
def test_all_forms_hold_the_same_rows_and_name_their_snapshot(
    client: FlaskClient, services: Services
) -> None:
    turns = (Turn("H\u00e9 \U0001f995\r\n\u2028", "user", "positive", True, "edited"), Turn(""))
    for day in range(3):
        snapshot = commit_batch(
            services, make_received(day, source="app", conversation=turns), make_received(day)
        )
    expected = in_order(get(client, limit=100)["contributions"])
    assert len(expected) == 6
    assert all(row.keys() <= ALWAYS_PRESENT for row in expected)
    for parameters in ({}, {"limit": 100}):
        for media_type in (JSON, *STREAMS):
            response = client.get(URL, query_string=parameters, headers={"Accept": media_type})
            assert response.status_code == 200
            assert response.mimetype == media_type
            assert response.headers[SNAPSHOT_HEADER] == str(snapshot.snapshot_id)
            # Rows in columns have all columns, rows in JSON those that are filled.
            assert _filled(in_order(rows_of(media_type, response.data))) == expected


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _filled(part)
            for name, part in value.items()
            if part is not None or name in ALWAYS_PRESENT
        }
    return [_filled(part) for part in value] if isinstance(value, list) else value


@pytest.mark.both
def test_following_the_links_reads_everything_once_in_any_form(
    client: FlaskClient, services: Services
) -> None:
    made = [make_received(day % 3, source="a & b=c") for day in range(7)]
    commit_batch(services, *made, make_received(0, source="other"))
    expected = sorted(row.contribution_id for row in made)
    for media_type in (JSON, *STREAMS):
        found: list[str] = []
        url: str | None = f"{URL}?source={quote('a & b=c')}&limit=3"
        pages = 0
        while url:
            response = client.get(url, headers={"Accept": media_type})
            assert response.status_code == 200, media_type
            found += [row["contribution_id"] for row in rows_of(media_type, response.data)]
            link = response.headers.get("Link")
            url = link.removeprefix("<").removesuffix('>; rel="next"') if link else None
            pages += 1
        assert (found, pages) == (expected, 3), media_type


def test_the_cursor_of_the_body_is_that_of_the_link(
    client: FlaskClient, services: Services
) -> None:
    commit_batch(services, *(make_received() for _ in range(3)))
    response = client.get(URL, query_string={"limit": 2})
    cursor = response.get_json()["next_cursor"]
    assert quote(cursor) in response.headers["Link"]
    last = client.get(URL, query_string={"limit": 2, "cursor": cursor})
    assert last.get_json()["next_cursor"] is None
    assert "Link" not in last.headers


@pytest.mark.slow
@pytest.mark.both
@pytest.mark.parametrize("start", [{}, {"tag": "then"}, {"as_of": "2999-01-01T00:00:00Z"}])
def test_a_cursor_stays_on_its_snapshot_while_the_lake_moves_on(
    client: FlaskClient, services: Services, start: dict[str, str]
) -> None:
    key = {"contributor_id": "ada", "conversation_id": "my-chat"}
    made = [make_received(1), make_received(2, **key), make_received(3)]
    then = commit_batch(services, *made)
    table = load_table(services.catalog)
    tag_snapshot(table, "then", then.snapshot_id)
    page = get(client, limit=1, **start)
    found = [row["contribution_id"] for row in page["contributions"]]
    while page["next_cursor"]:
        commit_batch(services, make_received(2), make_received(2, **key))
        page = get(client, limit=1, cursor=page["next_cursor"], **start)
        assert page["snapshot_id"] == str(then.snapshot_id)
        found += [row["contribution_id"] for row in page["contributions"]]
    assert found == [row.contribution_id for row in made]


@pytest.mark.slow
def test_contributions_are_sorted_newest_first_on_request(
    client: FlaskClient, services: Services
) -> None:
    made = [make_received(day) for day in (0, 2, 1, 2)]
    commit_batch(services, *made)
    oldest_first = sorted(row.contribution_id for row in made)
    assert ids(client, sort="received_at") == ids(client) == oldest_first
    assert ids(client, sort="-received_at") == oldest_first[::-1]


@pytest.mark.slow
@pytest.mark.parametrize("again", [{}, {"sort": "-received_at"}])
def test_pages_newest_first_continue_while_the_lake_grows(
    client: FlaskClient, services: Services, again: dict[str, str]
) -> None:
    made = [make_received(day % 3) for day in range(7)]
    commit_batch(services, *made)
    page = get(client, limit=3, sort="-received_at")
    found = [row["contribution_id"] for row in page["contributions"]]
    while page["next_cursor"]:
        commit_batch(services, make_received(2), make_received(0))
        page = get(client, limit=3, cursor=page["next_cursor"], **again)
        found += [row["contribution_id"] for row in page["contributions"]]
    assert found == sorted((row.contribution_id for row in made), reverse=True)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("first", "then"), [("received_at", "-received_at"), ("-received_at", "received_at")]
)
def test_a_cursor_of_the_other_order_is_refused(
    shared_client: FlaskClient, first: str, then: str
) -> None:
    cursor = get(shared_client, limit=1, sort=first)["next_cursor"]
    response = shared_client.get(URL, query_string={"cursor": cursor, "sort": then})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["cursor"]


@pytest.mark.parametrize("sort", ["", "agent_id", "received_at,agent_id", "+received_at"])
def test_only_the_time_of_receipt_can_be_sorted_by(shared_client: FlaskClient, sort: str) -> None:
    response = shared_client.get(URL, query_string={"sort": sort})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["sort"]


@pytest.mark.parametrize("media_type", STREAMS)
def test_a_stream_in_an_order_comes_in_pages(
    client: FlaskClient, services: Services, media_type: str
) -> None:
    rows = [make_received(day % 2) for day in range(services.settings.page_rows + 1)]
    commit_batch(services, *rows)
    response = client.get(
        URL, query_string={"sort": "-received_at"}, headers={"Accept": media_type}
    )
    found = [row["contribution_id"] for row in rows_of(media_type, response.data)]
    assert found == sorted((row.contribution_id for row in rows), reverse=True)[:-1]
    assert 'rel="next"' in response.headers["Link"]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("media_type", [JSON, *STREAMS])
@pytest.mark.parametrize("page", [{}, {"limit": 10}])
def test_any_form_can_have_some_of_the_columns_in_any_order(
    shared_client: FlaskClient, media_type: str, page: dict[str, int]
) -> None:
    response = shared_client.get(
        URL,
        query_string={"fields": "source,agent_id,source", "role": "user", **page},
        headers={"Accept": media_type},
    )
    found = rows_of(media_type, response.data, ["source", "agent_id"])
    assert [list(row.items()) for row in found] == [
        [("source", "app"), ("agent_id", "test-agent")],
        [("source", None), ("agent_id", "test-agent")],
    ]


@pytest.mark.parametrize("fields", ["", "nothing", "source,Source", "conversation.content", ","])
def test_columns_that_do_not_exist_are_refused(shared_client: FlaskClient, fields: str) -> None:
    response = shared_client.get(URL, query_string={"fields": fields})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["fields"]


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


@pytest.mark.usefixtures("rows")
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


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "\u00e9",
        "====",
        cursor_of(""),
        cursor_of(":"),
        cursor_of("1"),
        cursor_of(f":{OURS}"),
        cursor_of(f"x:{OURS}"),
        cursor_of(f"-1:{OURS}"),
        cursor_of(f"1_0:{OURS}"),
        cursor_of(f"{2**63}:{OURS}"),
        cursor_of(f"{'9' * 5000}:{OURS}"),
        cursor_of("1:not-an-id"),
        cursor_of("1:-"),
        cursor_of("-:-"),
        cursor_of(f"1:{OURS}:1"),
        cursor_of("1:ffffffff-ffff-ffff-ffff-ffffffffffff"),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_an_invalid_cursor_is_refused(shared_client: FlaskClient, cursor: str) -> None:
    response = shared_client.get(URL, query_string={"cursor": cursor})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["cursor"]


def test_a_cursor_of_another_snapshot_is_refused(client: FlaskClient, services: Services) -> None:
    first = commit_batch(services, make_received(), make_received())
    second = commit_batch(services, make_received())
    cursor = get(client, limit=1, snapshot_id=first.snapshot_id)["next_cursor"]
    response = client.get(URL, query_string={"cursor": cursor, "snapshot_id": second.snapshot_id})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["cursor"]


def test_a_cursor_of_a_snapshot_that_never_was_is_not_found(shared_client: FlaskClient) -> None:
    response = shared_client.get(URL, query_string={"cursor": cursor_of(f"1:{OURS}")})
    assert response.status_code == 404


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "x", "", "1001", "9" * 30])
def test_a_page_has_a_sensible_length(shared_client: FlaskClient, limit: str) -> None:
    response = shared_client.get(URL, query_string={"limit": limit})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == ["limit"]


def test_pages_have_the_length_of_the_setting_or_of_limit(
    client: FlaskClient, services: Services
) -> None:
    usual = services.settings.page_rows
    commit_batch(services, *(make_received() for _ in range(usual + 1)))
    assert len(ids(client)) == usual
    assert len(ids(client, limit=usual + 1)) == usual + 1


@pytest.mark.parametrize("media_type", STREAMS)
def test_a_stream_has_all_rows_unless_limit_is_given(
    client: FlaskClient, services: Services, media_type: str
) -> None:
    rows = services.settings.page_rows + 1
    commit_batch(services, *(make_received() for _ in range(rows)))
    accept = {"Accept": media_type}
    whole = client.get(URL, headers=accept)
    assert len(rows_of(media_type, whole.data)) == rows
    assert "Link" not in whole.headers
    page = client.get(URL, query_string={"limit": 5}, headers=accept)
    assert len(rows_of(media_type, page.data)) == 5
    assert 'rel="next"' in page.headers["Link"]


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        ("application/json; charset=utf-8", JSON),
        ("APPLICATION/JSON", JSON),
        (f"{NDJSON}; charset=utf-8, text/html", NDJSON),
        (f"{NDJSON};q=0.2, {JSON};q=0.9", JSON),
        (f"{NDJSON};q=0.9, {JSON};q=0.2", NDJSON),
        (f"{ARROW_STREAM}, {JSON};q=0.9", ARROW_STREAM),
        (f"{PARQUET};q=1.0, */*;q=0.1", PARQUET),
        (f"text/html, {PARQUET};q=0.1", PARQUET),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        (f"{JSON};q=0, */*", NDJSON),
        (f"{CSV}; header=present", CSV),
        ("text/*;q=0.5", CSV),
    ],
)
def test_the_format_is_the_one_that_accept_prefers(
    shared_client: FlaskClient, rows: list[Contribution], accept: str | None, answered: str
) -> None:
    response = shared_client.get(URL, headers={} if accept is None else {"Accept": accept})
    assert response.status_code == 200
    assert response.mimetype == answered
    assert len(rows_of(answered, response.data)) == len(rows)


@pytest.mark.parametrize(
    "accept", ["text/html", f"{JSON};q=0", "image/*", "text/*;q=0", "nonsense"]
)
def test_a_form_that_is_not_offered_is_refused_with_those_that_are(
    shared_client: FlaskClient, accept: str
) -> None:
    response = shared_client.get(URL, headers={"Accept": accept})
    assert response.status_code == 406
    for media_type in (JSON, *STREAMS):
        assert media_type in response.get_json()["message"]


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


@pytest.mark.usefixtures("rows")
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
