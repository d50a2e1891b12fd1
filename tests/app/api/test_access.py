"""The status of every route for each method, for a client without credentials.

A new route fails these tests until its answers are listed here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.maps.description import MapParameters
from app.query.snapshots import Reference
from app.services import Services, services_of
from app.settings import Settings
from app.state.models import JournalEntry, LedgerEntry
from catalog.metadata.files import newest_location
from catalog.table import load_table
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_contribution, make_contribution_id
from tests.lakes import opened_app

SAFE: Final = ("GET", "HEAD", "OPTIONS", "TRACE")
UNSAFE: Final = ("POST", "PUT", "PATCH", "DELETE")
METHODS: Final = (*SAFE, *UNSAFE)
CANARY: Final = "canary-7f3a"
CONTRIBUTION_ID: Final = make_contribution_id()

Answers = Mapping[str, int]


def answers(*, others: int = 405, **by_method: int) -> Answers:
    """Return the status codes of a route by method; `others` is for methods that aren't named."""
    return {"OPTIONS": 200, **{m: others for m in METHODS if m != "OPTIONS"}, **by_method}


READ: Final = answers(GET=200, HEAD=200)
"""A route that only reads, and refuses all other methods."""
REDIRECT: Final = answers(GET=302, HEAD=302)
FORM_IN: Final = answers(POST=422)
"""A route that takes a form, and refuses one without fields."""
JSON_IN: Final = answers(POST=400)
"""A route that takes JSON, and refuses the empty body."""
NDJSON_IN: Final = answers(POST=415)
ICEBERG: Final = answers(GET=200, HEAD=200, TRACE=405, others=403)
"""A route of the catalog that only reads, and forbids engines to write."""
ICEBERG_EXISTS: Final = answers(GET=200, HEAD=204, TRACE=405, others=403)
ICEBERG_REPORT: Final = answers(GET=404, HEAD=404, POST=204, TRACE=405, others=403)
ICEBERG_OTHER: Final = answers(GET=404, HEAD=404, TRACE=405, others=403)

KEYED_GET: Final = answers(GET=401, HEAD=401)
KEYED_POST: Final = answers(POST=401)
"""Routes that nobody may use without an API key, whatever the settings are."""

TABLE: Final = "/iceberg/v1/namespaces/chatlake/tables/contributions"

ROUTES: Final[Mapping[str, tuple[str, Answers]]] = {
    "/": ("/", READ),
    "/explore": ("/explore", READ),
    "/explore/facets": ("/explore/facets", READ),
    "/explore/download/<form>": ("/explore/download/ndjson", READ),
    "/assets/<edition>/<path:path>": ("/assets/1/site/site.css", READ),
    "/docs/": ("/docs/", READ),
    "/docs/<path:path>": ("/docs/swagger-ui.css", READ),
    "/terms": ("/terms", READ),
    "/guides": ("/guides", READ),
    "/guides/<guide>": ("/guides/glossary", READ),
    "/releases": ("/releases", READ),
    "/releases/<name>": ("/releases/first", READ),
    "/releases/<name>/rows": ("/releases/first/rows", READ),
    "/releases/<name>/diff": ("/releases/first/diff?other=first", REDIRECT),
    "/releases/<name>/diff/<other>": ("/releases/first/diff/first", READ),
    "/snapshots": ("/snapshots", READ),
    "/snapshots/<snapshot_id>": ("/snapshots/{snapshot_id}", READ),
    "/snapshots/<snapshot_id>/diff": ("/snapshots/{snapshot_id}/diff?other=now", REDIRECT),
    "/snapshots/<before>/diff/<after>": ("/snapshots/{snapshot_id}/diff/now", READ),
    "/contributors": ("/contributors", READ),
    "/sql": ("/sql", READ),
    "/sql/download/<form>": ("/sql/download/csv?q=SELECT+1", READ),
    "/status": ("/status", KEYED_GET),
    "/maps/": ("/maps/", READ),
    "/maps/<name>/": ("/maps/first/", READ),
    "/maps/<name>/picture.png": ("/maps/first/picture.png", READ),
    "/maps/<name>/data/dataset.parquet": ("/maps/first/data/dataset.parquet", READ),
    "/maps/<name>/data/metadata.json": ("/maps/first/data/metadata.json", READ),
    "/maps/<name>/duckdb-wasm/<path:path>": ("/maps/first/duckdb-wasm/x.wasm", REDIRECT),
    "/atlas/<edition>/<path:path>": ("/atlas/1/index.html", READ),
    "/conversations/<uuid:contribution_id>": (f"/conversations/{CONTRIBUTION_ID}", READ),
    "/conversations/<uuid:contribution_id>/turns/<int:number>": (
        f"/conversations/{CONTRIBUTION_ID}/turns/1",
        READ,
    ),
    "/conversations/<uuid:contribution_id>/neighbours": (
        f"/conversations/{CONTRIBUTION_ID}/neighbours",
        READ,
    ),
    "/conversations/<uuid:contribution_id>/report": (
        f"/conversations/{CONTRIBUTION_ID}/report",
        FORM_IN,
    ),
    "/conversations/<uuid:contribution_id>/withdraw": (
        f"/conversations/{CONTRIBUTION_ID}/withdraw",
        KEYED_POST,
    ),
    "/me": ("/me", READ),
    "/me/download/<form>": ("/me/download/csv", KEYED_GET),
    "/me/key": ("/me/key", answers(POST=201)),
    "/me/withdraw": ("/me/withdraw", KEYED_POST),
    "/moderation": ("/moderation", KEYED_GET),
    "/moderation/<uuid:contribution_id>": (f"/moderation/{CONTRIBUTION_ID}", KEYED_GET),
    "/moderation/<uuid:contribution_id>/approve": (
        f"/moderation/{CONTRIBUTION_ID}/approve",
        KEYED_POST,
    ),
    "/moderation/<uuid:contribution_id>/reject": (
        f"/moderation/{CONTRIBUTION_ID}/reject",
        KEYED_POST,
    ),
    "/moderation/quarantine": ("/moderation/quarantine", KEYED_POST),
    "/moderation/log": ("/moderation/log", KEYED_GET),
    "/moderation/bans": ("/moderation/bans", answers(GET=401, HEAD=401, POST=401)),
    "/moderation/bans/<contributor_id>/lift": ("/moderation/bans/nobody/lift", KEYED_POST),
    "/openapi.json": ("/openapi.json", READ),
    "/metrics": ("/metrics", READ),
    "/v1/health/": ("/v1/health/", READ),
    "/v1/ready": ("/v1/ready", READ),
    "/v1/ingest/chat": ("/v1/ingest/chat", JSON_IN),
    "/v1/ingest/chats": ("/v1/ingest/chats", NDJSON_IN),
    "/v1/contributions": ("/v1/contributions", READ),
    "/v1/contributions/count": ("/v1/contributions/count", READ),
    "/v1/contributions/<uuid:contribution_id>": (
        f"/v1/contributions/{CONTRIBUTION_ID}",
        answers(GET=200, HEAD=200, DELETE=401),
    ),
    "/v1/contributions/<uuid:contribution_id>/versions": (
        f"/v1/contributions/{CONTRIBUTION_ID}/versions",
        READ,
    ),
    "/v1/contributions/<uuid:contribution_id>/reports": (
        f"/v1/contributions/{CONTRIBUTION_ID}/reports",
        JSON_IN,
    ),
    "/v1/moderation": ("/v1/moderation", KEYED_GET),
    "/v1/moderation/<uuid:contribution_id>": (f"/v1/moderation/{CONTRIBUTION_ID}", KEYED_GET),
    "/v1/moderation/<uuid:contribution_id>/approve": (
        f"/v1/moderation/{CONTRIBUTION_ID}/approve",
        KEYED_POST,
    ),
    "/v1/moderation/<uuid:contribution_id>/reject": (
        f"/v1/moderation/{CONTRIBUTION_ID}/reject",
        KEYED_POST,
    ),
    "/v1/moderation/quarantine": ("/v1/moderation/quarantine", KEYED_POST),
    "/v1/moderation/log": ("/v1/moderation/log", KEYED_GET),
    "/v1/moderation/bans": ("/v1/moderation/bans", answers(GET=401, HEAD=401, POST=401)),
    "/v1/moderation/bans/<contributor_id>": ("/v1/moderation/bans/nobody", answers(DELETE=401)),
    "/v1/contributors": ("/v1/contributors", answers(POST=201)),
    "/v1/me/contributions": ("/v1/me/contributions", answers(GET=401, HEAD=401)),
    "/v1/me": ("/v1/me", answers(DELETE=401)),
    "/v1/takedowns": ("/v1/takedowns", answers(GET=200, HEAD=200, POST=401)),
    "/v1/takedowns/<int:takedown_id>": ("/v1/takedowns/1", answers(GET=401, HEAD=401)),
    "/v1/changes": ("/v1/changes", READ),
    "/v1/stats": ("/v1/stats", READ),
    "/v1/sql": ("/v1/sql", JSON_IN),
    "/v1/snapshots": ("/v1/snapshots", READ),
    "/v1/snapshots/<snapshot_id>": ("/v1/snapshots/{snapshot_id}", READ),
    "/v1/snapshots/<before>/diff/<after>": ("/v1/snapshots/{snapshot_id}/diff/now", READ),
    "/v1/releases": ("/v1/releases", READ),
    "/v1/releases/<name>": ("/v1/releases/first", READ),
    "/v1/releases/<name>/status": ("/v1/releases/first/status", READ),
    "/v1/releases/<name>/diff/<other>": ("/v1/releases/first/diff/first", READ),
    "/v1/releases/<name>/files/<path:path>": ("/v1/releases/first/files/SHA256SUMS", READ),
    "/iceberg/v1/config": ("/iceberg/v1/config", ICEBERG),
    "/iceberg/v1/namespaces": ("/iceberg/v1/namespaces", ICEBERG),
    "/iceberg/v1/namespaces/<namespace>": ("/iceberg/v1/namespaces/chatlake", ICEBERG_EXISTS),
    "/iceberg/v1/namespaces/<namespace>/tables": (
        "/iceberg/v1/namespaces/chatlake/tables",
        ICEBERG,
    ),
    "/iceberg/v1/namespaces/<namespace>/tables/<table>": (TABLE, ICEBERG_EXISTS),
    "/iceberg/v1/namespaces/<namespace>/tables/<table>/metrics": (
        f"{TABLE}/metrics",
        ICEBERG_REPORT,
    ),
    "/iceberg/v1/<path:path>": ("/iceberg/v1/tables/rename", ICEBERG_OTHER),
}
"""By URL rule: a path that matches it, and the status codes that it answers with."""


@pytest.fixture(scope="module")
def application(shared_settings: Settings) -> Iterator[Flask]:
    """The application, with settings whose secrets have a recognisable prefix."""
    secrets: dict[str, Any] = {
        name: f"{CANARY}-{name}"
        for name in (
            "s3_access_key_id",
            "s3_secret_access_key",
            "iceberg_s3_access_key_id",
            "iceberg_s3_secret_access_key",
        )
    }
    terms = shared_settings.home / "terms.md"
    terms.write_text("# Terms\n")
    with opened_app(replace(shared_settings, terms_file=terms, **secrets)) as opened:
        yield opened


@pytest.fixture(scope="module")
def lake(application: Flask) -> Services:
    """The services of a lake with one contribution and one release."""
    services = services_of(application)
    snapshot = commit_batch(services, make_contribution(contribution_id=CONTRIBUTION_ID))
    services.publishing.releases.build(make_recipe("first"), snapshot)
    services.publishing.maps.build("first", "raw", Reference(), MapParameters(embedding="tfidf"))
    return services


@pytest.fixture(scope="module")
def snapshot_id(lake: Services) -> str:
    """The id of the lake's snapshot."""
    (snapshot,) = load_table(lake.catalog).metadata.snapshots
    return str(snapshot.snapshot_id)


def state_of(lake: Services) -> tuple[object, ...]:
    """Return a summary of the stored state, which every write changes."""
    counted = (select(func.count()).select_from(model) for model in (JournalEntry, LedgerEntry))
    with lake.database.read() as connection:
        counts = [connection.scalar(query) for query in counted]
    files = {path.name for path in lake.settings.releases.rglob("*")}
    return newest_location(lake.catalog), *counts, files


def test_every_route_is_listed(application: Flask) -> None:
    assert {rule.rule for rule in application.url_map.iter_rules()} == ROUTES.keys()


@pytest.mark.parametrize("rule", ROUTES)
def test_each_method_has_its_status_shows_no_secret_and_writes_only_if_it_may(
    application: Flask, lake: Services, snapshot_id: str, rule: str
) -> None:
    visitor = application.test_client()
    path, expected = ROUTES[rule]
    before = state_of(lake)
    found = {}
    for method in (*SAFE, *UNSAFE):
        if method == UNSAFE[0]:
            assert state_of(lake) == before, "a method that is safe has written"
        # Read completely, so that no file stays open.
        answer = visitor.open(path.format(snapshot_id=snapshot_id), method=method, buffered=True)
        found[method] = answer.status_code
        assert CANARY.encode() not in str(answer.headers).encode() + answer.get_data(), method
    assert found == expected
