"""Pages of contributions, and the cursors that lead from one to the next."""

import base64
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from app.api.formats import JSON, STREAMS
from app.services import Services
from catalog.snapshots import tag_snapshot
from catalog.table import load_table
from tests.app.api.cursors import cursor_of
from tests.app.api.views.answered_rows import OURS, URL, get, ids, rows_of
from tests.factories import commit_batch, make_received


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


@pytest.mark.usefixtures("two_contributions")
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


@pytest.mark.usefixtures("two_contributions")
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
