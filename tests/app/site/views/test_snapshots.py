import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from app.services import Services
from catalog.snapshots import Snapshot, tag_snapshot
from catalog.table import load_table
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_received


@pytest.fixture(scope="module")
def snapshots(shared_services: Services) -> list[Snapshot]:
    """Three snapshots: a release is of the first, and the third replaces what the second added."""
    services = shared_services
    made = [
        commit_batch(services, make_received(0), make_received(0)),
        commit_batch(services, make_received(1, conversation_id="chat", contributor_id="ada")),
        commit_batch(services, make_received(2, conversation_id="chat", contributor_id="ada")),
    ]
    services.publishing.releases.build(make_recipe("first"), made[0])
    tag_snapshot(load_table(services.catalog), "mine", made[1].snapshot_id)
    return made


def test_an_empty_lake_has_a_page_of_its_history(client: FlaskClient) -> None:
    assert "Nothing was committed yet" in client.get("/snapshots").text
    assert client.get("/snapshots/now").status_code == 404


def test_the_history_names_every_snapshot_and_its_releases(
    shared_client: FlaskClient, snapshots: list[Snapshot]
) -> None:
    page = shared_client.get("/snapshots").text
    found = re.findall(r'href="/snapshots/(\d+)"', page)
    assert found == [str(snapshot.snapshot_id) for snapshot in reversed(snapshots)]
    assert 'href="/releases/first"' in page
    assert "<dt>Rows, every version</dt><dd>4</dd>" in page


def test_pages_of_snapshots_follow_each_other(
    shared_client: FlaskClient, snapshots: list[Snapshot]
) -> None:
    path, found = "/snapshots?limit=2", []
    while path:
        page = shared_client.get(path).text
        found += re.findall(r'href="/snapshots/(\d+)"', page)
        following = re.search(r'rel="next" href="(/snapshots\?cursor=\d+&amp;limit=2)"', page)
        path = unescape(following[1]) if following else ""
    assert found == [str(snapshot.snapshot_id) for snapshot in reversed(snapshots)]
    assert shared_client.get("/snapshots?cursor=x").status_code == 422
    assert shared_client.get("/snapshots?curser=1").status_code == 422
    assert "There are no earlier ones" in shared_client.get("/snapshots?cursor=1").text


def test_a_snapshot_has_what_it_added_its_names_and_its_neighbours(
    shared_client: FlaskClient, snapshots: list[Snapshot]
) -> None:
    first, second, third = (snapshot.snapshot_id for snapshot in snapshots)
    page = shared_client.get(f"/snapshots/{second}").text
    assert "<dt>Added rows</dt><dd>1</dd>" in page
    assert "<bdi>mine</bdi>" in page
    assert f'href="/snapshots/{first}" rel="prev"' in page
    assert f'href="/snapshots/{third}" rel="next"' in page
    assert f'href="/explore?snapshot_id={second}"' in page
    assert "/releases/first" in shared_client.get(f"/snapshots/{first}").text
    assert 'rel="next"' not in shared_client.get("/snapshots/now").text
    assert shared_client.get("/snapshots/1").status_code == 404
    assert shared_client.get("/snapshots/x").status_code == 422


def test_a_form_compares_two_snapshots_in_the_order_of_time(
    shared_client: FlaskClient, snapshots: list[Snapshot]
) -> None:
    first, third = snapshots[0].snapshot_id, snapshots[2].snapshot_id
    for one, other in ((first, third), (third, first), (third, "tag:first")):
        answer = shared_client.get(f"/snapshots/{one}/diff", query_string={"other": other})
        assert answer.location == f"/snapshots/{first}/diff/{third}"
    assert shared_client.get(f"/snapshots/{one}/diff").status_code == 422
    assert shared_client.get(f"/snapshots/{one}/diff?other=x").status_code == 422


def test_a_difference_has_counts_and_rows_that_lead_to_conversations(
    shared_client: FlaskClient, snapshots: list[Snapshot]
) -> None:
    second, third = (snapshot.snapshot_id for snapshot in snapshots[1:])
    page = shared_client.get(f"/snapshots/{second}/diff/{third}").text
    assert "<dt>Added</dt><dd>1</dd>" in page
    assert "<dt>Replaced by a later version</dt><dd>1</dd>" in page
    assert page.count('scope="row"><a href="/conversations/') == 2
    assert "Nothing was added" in shared_client.get(f"/snapshots/{third}/diff/{third}").text
    assert shared_client.get(f"/snapshots/{third}/diff/{second}").status_code == 422
