"""The page on which contributions are searched and filtered."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pyarrow import BufferReader

from app.curation.pipeline import runner
from app.curation.pipeline.runner import Runner
from app.query.browsing import exploring
from app.services import Services
from app.state import thinned_builds
from app.state.thinned_builds import ThinnedBuild
from catalog.records import Turn
from catalog.snapshots import Snapshot
from tests.app.curation.build import stages_of
from tests.app.curation.watched_rules import TEST_RULES
from tests.factories import FIRST_DAY, commit_batch, make_received
from tests.lakes import opened_app

HTML = {"Accept": "text/html"}
EVIL = "<script>evil()</script>"


@pytest.fixture(scope="module")
def snapshots(shared_services: Services) -> Iterator[list[Snapshot]]:
    """The two snapshots of a lake with 25 contributions."""
    first = commit_batch(
        shared_services,
        *(make_received(place, f"text {place}", "answer", source="a") for place in range(24)),
    )
    turns = (Turn(f"{EVIL} Needle", "user"), Turn("Found", "assistant", model=EVIL))
    second = commit_batch(shared_services, make_received(30, conversation=turns, source=EVIL))
    yield [first, second]


@pytest.fixture
def client(shared_client: FlaskClient, snapshots: list[Snapshot]) -> FlaskClient:  # noqa: ARG001
    """A client of that lake."""
    return shared_client


def ids(page: str) -> list[str]:
    return re.findall(r'href="/conversations/([0-9a-f-]{36})"', page)


def link(page: str, pattern: str) -> str:
    """Return the address of the link whose attributes or text match."""
    found = re.search(rf'<a[^>]*href="([^"]+)"[^>]*>{pattern}', page)
    assert found, pattern
    return unescape(found[1])


@pytest.mark.slow
def test_pages_follow_each_other_and_stay_on_their_snapshot(
    client: FlaskClient, snapshots: list[Snapshot]
) -> None:
    first = client.get("/explore").text
    second = client.get(link(first, "Next page")).text
    assert (len(ids(first)), len(ids(second))) == (20, 5)
    assert not set(ids(first)) & set(ids(second))
    assert "Next page" not in second
    pinned = parse_qs(urlsplit(link(first, "Link to these results")).query)
    assert pinned == {"stage": ["raw"], "snapshot_id": [str(snapshots[1].snapshot_id)]}
    oldest = client.get("/explore?sort=received_at").text
    following = client.get(link(oldest, "Next page")).text
    assert ids(oldest) + ids(following) == (ids(first) + ids(second))[::-1]


@pytest.mark.slow
def test_a_moment_of_the_history_is_shown_as_it_was(
    client: FlaskClient, snapshots: list[Snapshot]
) -> None:
    first = snapshots[0]
    then = client.get(f"/explore?snapshot_id={first.snapshot_id}").text
    assert "24 contributions" in then
    moment = re.search(r'id="as_of"[^>]*value="([^"]+)"', then)
    assert moment
    by_time = client.get("/explore", query_string={"as_of": moment[1]})
    assert by_time.status_code == 200
    assert ids(by_time.text) == ids(then)


def test_texts_are_found_marked_and_never_markup(client: FlaskClient) -> None:
    page = client.get("/explore?q=needle").text
    assert len(ids(page)) == 1
    assert '<mark class="match">Needle</mark>' in page
    assert EVIL not in page
    assert "&lt;script&gt;evil()" in page


@pytest.fixture
def hurried(shared_services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no time to look at more than a day."""
    monkeypatch.setattr(exploring, "FEWEST_ROWS", 0)
    monkeypatch.setattr(shared_services.reading.explorer, "_search_s", 0)
    monkeypatch.setattr(shared_services.reading.explorer, "_count_s", 0)


@pytest.mark.usefixtures("hurried")
def test_a_long_search_shows_what_it_found_and_can_be_continued(client: FlaskClient) -> None:
    first = client.get("/explore?q=text%2023").text
    assert "Nothing found yet." in first
    assert '<time datetime="2026-03-24">2026-03-24</time> and earlier days' in first
    second = client.get(link(first, "Search on")).text
    assert len(ids(second)) == 1
    assert "2026-03-23" in second
    assert "Nothing matches." not in second
    oldest = client.get("/explore?q=needle&sort=received_at").text
    assert '<time datetime="2026-03-02">2026-03-02</time> and later days' in oldest


@pytest.mark.usefixtures("hurried")
def test_counts_of_a_part_say_so(client: FlaskClient) -> None:
    counts = client.get("/explore/facets?min_turns=1").text
    assert "1 contribution since <time" in counts
    assert 'received since <time datetime="2026-03-31">' in counts


@pytest.mark.slow
def test_counts_stand_beside_the_results_or_are_loaded_later(client: FlaskClient) -> None:
    quick = client.get("/explore").text
    assert "25 contributions" in quick
    assert "hx-get" not in quick
    evil = client.get(link(quick, "<bdi>&lt;script"))
    assert len(ids(evil.text)) == 1
    loaded = client.get(link(evil.text, "Count what matches")).text
    assert "1 contribution<" in loaded
    assert EVIL not in loaded
    assert "Found" not in loaded


@pytest.mark.slow
def test_filters_in_use_can_be_removed_one_by_one(client: FlaskClient) -> None:
    answer = client.get("/explore?source=a&min_turns=1&label=&role=")
    assert answer.headers["Location"] == "/explore?source=a&min_turns=1"
    page = client.get(answer.headers["Location"]).text
    assert set(re.findall(r'aria-label="Remove ([^"]+)"', page)) == {"Source: a", "Turns from: 1"}
    (removing,) = re.findall(r'href="([^"]+)" aria-label="Remove Source', page)
    assert parse_qs(urlsplit(unescape(removing)).query) == {"stage": ["raw"], "min_turns": ["1"]}


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("day=2026-02-30", 422, "Not a day: one such as 2026-03-01 is expected."),
        ("as_of=2020", 422, "Not a time: one such as 2026-03-01T12:00:00Z or 2026-03-01"),
        ("day_from=2026-03-02&day_to=2026-03-01", 422, "Comes before day_from"),
        ("min_turns=2&max_turns=1", 422, "Comes before min_turns"),
        ("rating=good", 422, "Must be one of: positive, negative."),
        ("language=de", 422, "Only cleaned and curated tell it."),
        ("stage=cleaned&prompt_template=x", 422, "cleaned has no prompt_template."),
        ("stage=cleaned&absent=chat_template", 422, "cleaned has no chat_template."),
        ("stage=cleaned&versions=all", 422, "cleaned has the latest versions only."),
        ("stage=none", 422, "Must be one of: raw, cleaned, curated."),
        ("cursor=none", 422, "Not a cursor of this list."),
        ("limit=999999", 422, "Exceeds max_page_rows"),
        ("none=1&_external=1&_scheme=javascript&endpoint=x&self=1", 422, "Unknown field."),
        ("as_of=2000-01-01", 404, "nothing was committed by then."),
        ("snapshot_id=1", 404, "No snapshot for 1."),
        ("tag=none", 404, "none"),
        ("stage=curated", 404, "has no build of this moment"),
    ],
)
def test_what_is_wrong_is_said_on_the_page_with_its_form(
    client: FlaskClient, query: str, status: int, message: str
) -> None:
    answer = client.get(f"/explore?{query}")
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert message in answer.text
    assert 'id="filters"' in answer.text
    assert "javascript:" not in answer.text


def test_nothing_found_is_said(client: FlaskClient) -> None:
    answer = client.get("/explore?source=none")
    assert answer.status_code == 200
    assert "Nothing matches." in answer.text


@pytest.mark.slow
@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet", "arrow"])
def test_results_are_downloaded_in_every_form(
    client: FlaskClient, snapshots: list[Snapshot], form: str
) -> None:
    page = client.get("/explore?q=needle").text
    address = re.search(rf'href="(/explore/download/{form}[^"]+)"', page)
    assert address
    answer = client.get(unescape(address[1]), buffered=True)
    assert answer.status_code == 200
    name = f'filename="raw-{snapshots[1].snapshot_id}.'
    assert name in answer.headers["Content-Disposition"]
    if form == "parquet":
        assert pq.read_table(BufferReader(answer.data)).num_rows == 1
    else:
        assert b"Needle" in answer.data


def test_a_download_says_what_is_wrong(client: FlaskClient) -> None:
    assert client.get("/explore/download/xls").status_code == 404
    answer = client.get("/explore/download/csv?day=x")
    assert answer.status_code == 422
    assert "Not a day: one such as 2026-03-01 is expected." in answer.text
    assert "Content-Disposition" not in answer.headers


@pytest.mark.slow
def test_stages_are_shown_counted_and_downloaded_in_the_same_way(
    client: FlaskClient, shared_services: Services, snapshots: list[Snapshot]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "start", lambda _: Runner(processes=1))
        stages_of(shared_services, TEST_RULES).build("cleaned", snapshots[0])
    first = client.get("/explore?stage=cleaned").text
    assert "24 contributions" in first
    second = client.get(link(first, "Next page")).text
    assert (len(ids(first)), len(ids(second))) == (20, 4)
    counts = client.get("/explore/facets?stage=cleaned").text
    assert "24 contributions<" in counts
    assert "Language" in counts
    looked_at = client.get("/explore/facets?stage=cleaned&min_turns=1").text
    assert "24 contributions" in looked_at
    rows = client.get("/explore/download/ndjson?stage=cleaned", buffered=True).data
    assert len(rows.splitlines()) == 24


def test_a_build_that_is_not_kept_is_gone_and_leads_to_the_newest(
    client: FlaskClient, shared_services: Services, snapshots: list[Snapshot]
) -> None:
    thinned = ThinnedBuild(
        snapshot_id=7,
        stage="curated",
        sequence_number=1,
        source_number=snapshots[0].sequence_number,
        built_at=FIRST_DAY,
    )
    with shared_services.database.write() as connection:
        thinned_builds.record(connection, [thinned])
    moment = {"stage": "curated", "snapshot_id": str(snapshots[0].snapshot_id), "min_turns": "1"}
    gone = client.get("/explore", query_string=moment)
    assert gone.status_code == 410
    assert "curated of 2026-03-01 12:00 UTC isn&#39;t kept any more" in gone.text
    newest = parse_qs(urlsplit(link(gone.text, "Look at the newest build")).query)
    assert newest == {"stage": ["curated"], "min_turns": ["1"]}
    assert client.get("/explore/facets", query_string=moment).status_code == 410
    download = client.get("/explore/download/csv", query_string=moment, headers=HTML)
    assert download.status_code == 410
    assert "isn&#39;t kept any more" in download.text


@pytest.mark.slow
def test_what_a_reader_may_not_see_asks_for_a_key_and_another_stage_is_shown(
    shared_services: Services, snapshots: list[Snapshot]
) -> None:
    assert snapshots
    settings = replace(shared_services.settings, raw_access="keys")
    key = {
        "Authorization": f"Bearer {shared_services.access.keys.create('explorer', 'read')}",
        **HTML,
    }
    with opened_app(settings) as closed:
        visitor = closed.test_client()
        for path in ("/explore?stage=raw", "/explore/facets?stage=raw"):
            answer = visitor.get(path, headers=HTML)
            assert (answer.status_code, "data-key-form" in answer.text) == (401, True)
            assert answer.headers["Cache-Control"] == "no-store"
        assert visitor.get("/explore/download/csv?stage=raw").status_code == 401
        assert visitor.get("/explore?stage=raw", headers=key).status_code == 200
        assert 'aria-current="true">cleaned' in visitor.get("/explore").text
        assert len(ids(visitor.get("/explore", headers=key).text)) == 20
        # The slider tells how many rows the raw table had.
        assert "data-moment" not in visitor.get("/explore").text
        assert "data-moment" in visitor.get("/explore", headers=key).text


def test_an_empty_lake_says_so(app_client: FlaskClient) -> None:
    answer = app_client.get("/explore")
    assert answer.status_code == 200
    assert "This lake is empty." in answer.text
    assert app_client.get("/explore?stage=cleaned").status_code == 404
    assert app_client.get("/explore/download/csv", buffered=True).status_code == 200


@pytest.fixture
def app_client(services: Services, app: Flask) -> FlaskClient:  # noqa: ARG001
    """A client of a lake of the test's own, which is empty."""
    return app.test_client()


@pytest.mark.usefixtures("snapshots")
def test_an_address_with_many_parameters_is_refused_before_links_are_made_of_them(
    shared_client: FlaskClient,
) -> None:
    for path in ("/explore", "/explore/facets", "/explore/download/csv"):
        for name in ("label", "source"):
            address = "&".join(f"{name}={number}" for number in range(1_000))
            answer = shared_client.get(f"{path}?{address}")
            assert answer.status_code == 422
            assert "1000 parameters; 100 are taken" in answer.text
            # Each of the links would name all parameters.
            assert len(answer.data) < 100_000


@pytest.mark.usefixtures("snapshots")
@pytest.mark.parametrize("path", ["/explore", "/v1/contributions", "/v1/contributions/count"])
def test_more_labels_than_a_conversation_can_have_are_refused(
    shared_client: FlaskClient, path: str
) -> None:
    labels = [("label", str(number)) for number in range(33)]
    assert shared_client.get(path, query_string=labels[:32]).status_code == 200
    answer = shared_client.get(path, query_string=labels)
    assert answer.status_code == 422
    assert "Longer than 32, which no conversation has." in answer.text
