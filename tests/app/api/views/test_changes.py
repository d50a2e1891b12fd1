"""Reading what was added to the lake since a moment, as a mirror does."""

import json
from random import Random
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.api.answers import SNAPSHOT_HEADER
from app.api.formats import ARROW_STREAM, CSV, JSON, NDJSON, PARQUET
from app.api.views.changes import CURSOR_HEADER
from app.services import Services
from catalog.snapshots import tag_snapshot
from catalog.table import load_table
from tests.app.api.cursors import cursor_of
from tests.app.api.views.answered_rows import rows_of
from tests.factories import commit_batch, make_received
from tests.histories import RandomHistory

URL = "/v1/changes"
COMMITS = 50
CONTRIBUTION_ID = "01a2078f-240f-72b8-af80-7eba2ba52819"


def get(client: FlaskClient, media_type: str = JSON, **parameters: Any) -> TestResponse:
    response = client.get(URL, query_string=parameters, headers={"Accept": media_type})
    assert response.status_code == 200, response.text
    return response


def ids(response: TestResponse) -> list[str]:
    return [row["contribution_id"] for row in rows_of(response.mimetype or "", response.data)]


def test_an_empty_lake_has_no_changes_and_no_cursor_yet(client: FlaskClient) -> None:
    response = get(client)
    assert response.get_json() == {
        "contributions": [],
        "taken_down": [],
        "snapshot_id": None,
        "next_cursor": None,
        "more": False,
    }
    assert CURSOR_HEADER not in response.headers


def test_every_form_tells_where_to_go_on(client: FlaskClient, services: Services) -> None:
    made = [make_received(day) for day in range(3)]
    snapshot = commit_batch(services, *made)
    for media_type in (JSON, NDJSON, ARROW_STREAM, PARQUET):
        first = get(client, media_type, limit=2)
        assert ids(first) == [row.contribution_id for row in made[:2]], media_type
        assert first.headers[SNAPSHOT_HEADER] == str(snapshot.snapshot_id)
        link = first.headers["Link"].removeprefix("<").removesuffix('>; rel="next"')
        last = client.get(link, headers={"Accept": media_type})
        assert ids(last) == [made[2].contribution_id], media_type
        assert "Link" not in last.headers
        nothing = get(client, media_type, cursor=last.headers[CURSOR_HEADER])
        assert ids(nothing) == [], media_type
        assert nothing.headers[CURSOR_HEADER] == last.headers[CURSOR_HEADER]


def test_csv_tells_where_to_go_on_too(client: FlaskClient, services: Services) -> None:
    commit_batch(services, make_received(), make_received())
    response = get(client, CSV, limit=1)
    assert len(response.text.splitlines()) == 2
    assert CURSOR_HEADER in response.headers


def test_the_cursor_of_the_body_is_that_of_the_header(
    client: FlaskClient, services: Services
) -> None:
    commit_batch(services, make_received(), make_received())
    response = get(client, limit=1)
    assert response.get_json()["next_cursor"] == response.headers[CURSOR_HEADER]
    assert response.get_json()["more"] is True


@pytest.mark.slow
def test_changes_begin_after_any_kind_of_moment(client: FlaskClient, services: Services) -> None:
    commit_batch(services, make_received())
    snapshot = commit_batch(services, make_received())
    tag_snapshot(load_table(services.catalog), "then", snapshot.snapshot_id)
    later = make_received()
    commit_batch(services, later)
    for since in (
        str(snapshot.snapshot_id),
        "tag:then",
        f"as_of:{snapshot.committed_at.isoformat()}",
    ):
        assert ids(get(client, since=since)) == [later.contribution_id], since
    assert ids(get(client, since="now")) == []
    assert len(ids(get(client))) == 3


@pytest.mark.slow
def test_changes_end_at_any_kind_of_moment(client: FlaskClient, services: Services) -> None:
    commit_batch(services, make_received())
    snapshot = commit_batch(services, make_received())
    commit_batch(services, make_received())
    for reference in (
        {"snapshot_id": str(snapshot.snapshot_id)},
        {"as_of": snapshot.committed_at.isoformat()},
    ):
        response = get(client, **reference)
        assert len(ids(response)) == 2
        assert response.headers[SNAPSHOT_HEADER] == str(snapshot.snapshot_id)


def test_a_cursor_of_another_lake_is_not_found(client: FlaskClient, services: Services) -> None:
    snapshot = commit_batch(services, make_received())
    for cursor in (
        f"1:{snapshot.sequence_number}:",
        f"1:{snapshot.sequence_number}:{CONTRIBUTION_ID}",
    ):
        response = client.get(URL, query_string={"cursor": cursor_of(cursor)})
        assert response.status_code == 404


@pytest.fixture(scope="module")
def row(shared_services: Services) -> None:
    """The only contribution of the shared lake."""
    commit_batch(shared_services, make_received())


@pytest.mark.usefixtures("row")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cursor", ""),
        ("cursor", "x"),
        ("cursor", "\u00e9"),
        ("cursor", cursor_of("")),
        ("cursor", cursor_of("1:1")),
        ("cursor", cursor_of("1:1:1:1")),
        ("cursor", cursor_of("x:1:")),
        ("cursor", cursor_of("1:-1:")),
        ("cursor", cursor_of(f"1:{'9' * 30}:")),
        ("cursor", cursor_of("1:1:not-an-id")),
        ("since", ""),
        ("since", "x"),
        ("since", "-1"),
        ("since", "9" * 19),
        ("since", "tag:"),
        ("since", "as_of:yesterday"),
        ("since", "snapshot_id:1"),
        ("limit", "0"),
        ("limit", "1001"),
        ("snapshot_id", "x"),
        ("after", "1"),
    ],
)
def test_a_malformed_or_unknown_parameter_is_named(
    shared_client: FlaskClient, name: str, value: str
) -> None:
    response = shared_client.get(URL, query_string={name: value})
    assert response.status_code == 422
    assert list(response.get_json()["errors"]) == [name]


@pytest.mark.usefixtures("row")
@pytest.mark.parametrize("since", ["1", "tag:none", "as_of:2001-01-01T00:00:00Z"])
def test_a_moment_that_never_was_is_not_found(shared_client: FlaskClient, since: str) -> None:
    assert shared_client.get(URL, query_string={"since": since}).status_code == 404


class Mirror:
    """A copy of the lake that stores an answer before its cursor; it may be cut off between."""

    def __init__(self, client: FlaskClient, random: Random) -> None:
        self.client = client
        self.random = random
        self.lines: list[bytes] = []
        self.cursor: dict[str, str] = {}
        self.cuts = 0

    def poll(self, *, cut: bool = False) -> bool:
        """Read a page, or only its beginning if `cut`, and tell whether there is more."""
        limit = self.random.randint(1, 20)
        response = get(self.client, NDJSON, limit=limit, **self.cursor)
        lines = response.data.splitlines()
        if cut:
            self.cuts += 1
            self.lines += lines[: self.random.randint(0, len(lines))]
            return True
        self.lines += lines
        self.cursor = {"cursor": response.headers[CURSOR_HEADER]}
        return "Link" in response.headers

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the rows of the copy by contribution id, without repetitions."""
        return {row["contribution_id"]: row for row in map(json.loads, self.lines)}


@pytest.mark.slow
def test_a_mirror_that_is_cut_off_again_and_again_ends_with_exactly_the_rows_of_the_lake(
    client: FlaskClient, services: Services
) -> None:
    random = Random(11)  # noqa: S311  # a history, not a secret
    history, mirror = RandomHistory(services, random=random), Mirror(client, random)
    for _ in range(COMMITS):
        history.commit_some()
        history.maintain()
        while random.random() < 0.5:
            mirror.poll(cut=random.random() < 0.4)
    while mirror.poll():
        pass
    lake = client.get(
        "/v1/contributions", query_string={"versions": "all"}, headers={"Accept": NDJSON}
    )
    rows = map(json.loads, lake.data.splitlines())
    assert mirror.rows() == {row["contribution_id"]: row for row in rows}
    assert len(mirror.rows()) == len(history.rows)
    assert len(mirror.lines) > len(history.rows)
    assert mirror.cuts > COMMITS / 10
