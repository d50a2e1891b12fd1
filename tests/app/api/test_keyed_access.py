"""The table of who may: every route and method with every kind of key, open and closed.

The routes come from the table itself, and what they need is stated here a second time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.access.contributors.keys import new_contributor_key
from app.api.access import UnlistedRoute, api_key_in
from app.api.needs import NEEDS
from app.maps.description import MapParameters
from app.query.snapshots import Reference
from app.services import services_of
from app.settings import Settings
from tests.app.api.test_access import CONTRIBUTION_ID, ROUTES
from tests.app.releases.factories import make_recipe
from tests.factories import commit_batch, make_contribution
from tests.lakes import opened_app

INGEST: Final = ("/v1/ingest/", "/v1/contributors", "/me/key")
READ: Final = (
    *("/v1/contributions", "/v1/changes", "/v1/stats", "/v1/sql", "/v1/snapshots"),
    *("/v1/releases/<name>", "/maps/<name>/", "/iceberg/v1/"),
    *("/conversations/", "/explore", "/releases/<name>", "/snapshots", "/sql"),
)
MODERATE: Final = ("/v1/moderation", "/moderation")
"""What needs the role `moderate` whatever the settings are."""
FOUND: Final = {
    ("GET", "/v1/moderation"): 200,
    ("GET", "/v1/moderation/<uuid:contribution_id>"): 200,
    ("POST", "/v1/moderation/<uuid:contribution_id>/approve"): 404,
    ("POST", "/v1/moderation/<uuid:contribution_id>/reject"): 404,
    ("POST", "/v1/moderation/quarantine"): 400,
    ("GET", "/v1/moderation/log"): 200,
    ("GET", "/v1/moderation/bans"): 200,
    ("POST", "/v1/moderation/bans"): 400,
    ("DELETE", "/v1/moderation/bans/<contributor_id>"): 404,
    ("GET", "/moderation"): 200,
    ("GET", "/moderation/<uuid:contribution_id>"): 200,
    ("POST", "/moderation/<uuid:contribution_id>/approve"): 404,
    ("POST", "/moderation/<uuid:contribution_id>/reject"): 404,
    ("POST", "/moderation/quarantine"): 422,
    ("GET", "/moderation/log"): 200,
    ("GET", "/moderation/bans"): 200,
    ("POST", "/moderation/bans"): 422,
    ("POST", "/moderation/bans/<contributor_id>/lift"): 404,
}
"""The status of these for a moderator, who has nothing to decide, and sends no body."""
ELSEWHERE: Final = {
    ("GET", "/terms"),
    ("GET", "/v1/me/contributions"),
    ("DELETE", "/v1/contributions/<uuid:contribution_id>"),
    ("DELETE", "/v1/me"),
    ("GET", "/v1/takedowns/<int:takedown_id>"),
    ("POST", "/v1/takedowns"),
    ("POST", "/conversations/<uuid:contribution_id>/withdraw"),
    ("GET", "/me/download/<form>"),
    ("POST", "/me/withdraw"),
    ("GET", "/status"),
}
"""What isn't there without a setting, what a contributor's own key opens, and what is never open.

`test_takedowns.py` has the takedowns, and `tests/app/site/views/test_status.py` the status.
"""
REPORTS: Final = (
    "/v1/contributions/<uuid:contribution_id>/reports",
    "/conversations/<uuid:contribution_id>/report",
)
LISTED: Final = [each for each in NEEDS if each not in ELSEWHERE]
VIEWER: Final = "/maps/<name>/duckdb-wasm/"
INVALID: Final = ("malformed", "wrong_secret", "unknown_id", "expired", "revoked", "two")
CONTRIBUTORS: Final = ("contributor", "banned")
"""Contributor keys, which are no API keys. `test_own_access.py` has what they open."""
ABSENT: Final = ("none", "other_bearer", "basic", "no_scheme", "in_query", *CONTRIBUTORS)
VALID: Final = ("ingest", "read", "moderate", "operate")
CREDENTIALS: Final = (*ABSENT, *INVALID, *VALID)


def role_of(rule: str) -> str | None:
    """Return the role that a route needs when all settings say `keys`."""
    if rule.startswith(VIEWER) or rule in REPORTS:
        return None
    if rule.startswith(MODERATE):
        return "moderate"
    if rule.startswith(INGEST):
        return "ingest"
    return "read" if rule.startswith(READ) else None


@pytest.fixture(scope="module")
def open_app(shared_app: Flask) -> Flask:
    """An application that is open to all, on a lake with one contribution, release and map."""
    services = services_of(shared_app)
    snapshot = commit_batch(services, make_contribution(contribution_id=CONTRIBUTION_ID))
    services.publishing.releases.build(make_recipe("first"), snapshot)
    services.publishing.maps.build("first", "raw", Reference(), MapParameters(embedding="tfidf"))
    return shared_app


@pytest.fixture(scope="module")
def closed_app(open_app: Flask) -> Iterator[Flask]:
    """An application on the same lake that needs keys for all that can need them."""
    settings = services_of(open_app).settings
    closed = replace(settings, ingest_access="keys", raw_access="keys", stage_access="keys")
    with opened_app(closed) as opened:
        yield opened


@pytest.fixture(scope="module")
def headers(open_app: Flask) -> Mapping[str, dict[str, str]]:
    """The headers of each kind of credentials."""
    keys = services_of(open_app).access.keys
    texts = {role: keys.create(role, role) for role in VALID}
    texts["expired"] = keys.create("expired", "operate", datetime.now(UTC) - timedelta(days=1))
    texts["revoked"] = keys.create("revoked", "operate")
    keys.revoke("revoked")
    operate = texts["operate"]
    texts |= {name: new_contributor_key() for name in CONTRIBUTORS}
    services = services_of(open_app)
    banned = services.access.ids.contributor_id(texts["banned"])
    services.access.bans.ban([banned], actor="a test", reason=None)
    texts["malformed"] = operate[:-1]
    texts["wrong_secret"] = operate[:21] + "0" * 64
    texts["unknown_id"] = "clk_" + "0" * 16 + operate[20:]
    texts["other_bearer"] = "other_" + operate
    texts["two"] = f"{operate},Bearer {operate}"
    sent = {name: {"Authorization": f"Bearer {text}"} for name, text in texts.items()}
    return {
        **sent,
        "none": {},
        "basic": {"Authorization": "Basic Y2xrXw=="},
        "no_scheme": {"Authorization": operate},
        "in_query": {"Cookie": f"api_key={operate}", "X-API-Key": operate},
    }


def ask(app: Flask, method: str, rule: str, headers: dict[str, str]) -> TestResponse:
    """Return the answer to a request of a route."""
    client = app.test_client()
    path = ROUTES[rule][0]
    if "{snapshot_id}" in path:
        path = path.format(snapshot_id=newest_id(app))
    return client.open(path, method=method, headers=headers, buffered=True)


def newest_id(app: Flask) -> str:
    """Return the id of the newest snapshot."""
    (snapshot,) = services_of(app).reading.snapshots.page(1, None)
    return str(snapshot.snapshot_id)


def check_denied(answer: TestResponse, status: int, case: object) -> None:
    """Check that an answer is a denial which no cache keeps, in the form that its route has."""
    assert answer.status_code == status, case
    # Pages aren't kept at all, and other answers not without asking.
    is_page = answer.mimetype == "text/html"
    kept = answer.headers["Cache-Control"]
    assert "no-store" in kept if is_page else kept == "private, no-cache", case
    assert ("WWW-Authenticate" in answer.headers) == (status == 401), case
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer realm="), case
    if answer.content_type == "application/json":
        body = answer.get_json()
        assert (body.get("error") or body)["code"] == status, case


def check_moderation(answer: TestResponse, method: str, rule: str, name: str) -> None:
    """Check that only those moderate who may, also while all else is open."""
    if name in {"moderate", "operate"}:
        assert answer.status_code == FOUND[method, rule], name
    else:
        check_denied(answer, 403 if name in VALID else 401, name)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "rule"), LISTED)
def test_what_is_open_takes_any_credentials_but_keys_that_are_not_valid(
    open_app: Flask, headers: Mapping[str, dict[str, str]], method: str, rule: str
) -> None:
    for name in CREDENTIALS:
        answer = ask(open_app, method, rule, headers[name])
        if name in INVALID and NEEDS[method, rule] is not None:
            check_denied(answer, 401, name)
        elif role_of(rule) == "moderate":
            check_moderation(answer, method, rule, name)
        else:
            assert answer.status_code == ROUTES[rule][1][method], name


@pytest.mark.parametrize(("method", "rule"), LISTED)
def test_what_is_closed_takes_valid_keys_with_its_role_and_no_others(
    closed_app: Flask, headers: Mapping[str, dict[str, str]], method: str, rule: str
) -> None:
    role = role_of(rule)
    for name in CREDENTIALS:
        answer = ask(closed_app, method, rule, headers[name])
        is_refused = name in INVALID and NEEDS[method, rule] is not None
        if is_refused or (role and name in ABSENT):
            check_denied(answer, 401, name)
        elif role and name not in {role, "operate"}:
            check_denied(answer, 403, name)
        elif role == "moderate":
            check_moderation(answer, method, rule, name)
        else:
            assert answer.status_code == ROUTES[rule][1][method], name


@pytest.mark.parametrize("rule", [rule for method, rule in LISTED if method == "GET"])
def test_head_and_options_tell_no_more_than_get(closed_app: Flask, rule: str) -> None:
    denied = 401 if role_of(rule) else ROUTES[rule][1]["HEAD"]
    assert ask(closed_app, "HEAD", rule, {}).status_code == denied
    options = ask(closed_app, "OPTIONS", rule, {})
    assert (options.status_code, options.data) == (200, b"")
    assert ask(closed_app, "TRACE", rule, {}).status_code in {405, denied}


def test_a_route_that_is_not_listed_stops_the_start(shared_settings: Settings) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(NEEDS, ("GET", "/v1/stats"))
        with pytest.raises(UnlistedRoute, match="/v1/stats"):
            create_app(shared_settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NEEDS, ("GET", "/v1/nowhere"), None)
        with pytest.raises(UnlistedRoute, match="/v1/nowhere"):
            create_app(shared_settings)


@pytest.fixture
def closed(closed_app: Flask) -> FlaskClient:
    """A client of the closed application."""
    return closed_app.test_client()


def test_what_took_a_key_is_private_and_is_still_answered_conditionally(
    closed: FlaskClient, open_app: Flask, headers: Mapping[str, dict[str, str]]
) -> None:
    visitor = open_app.test_client()
    manifest = visitor.get("/v1/releases/first").get_json()
    url = f"/v1/releases/first/files/{manifest['files'][0]['path']}"
    public = visitor.get(url, buffered=True)
    assert public.cache_control.public
    key = headers["read"]
    answer = closed.get(url, headers=key, buffered=True)
    assert (answer.status_code, answer.data) == (200, public.data)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in answer.headers["Vary"]
    assert "Expires" not in answer.headers
    known = {"If-None-Match": public.headers["ETag"]}
    assert closed.get(url, headers=known).status_code == 401
    assert closed.get(url, headers={"Range": "bytes=0-3"}).status_code == 401
    assert closed.get(url, headers=key | known).status_code == 304
    part = closed.get(url, headers=key | {"Range": "bytes=0-3"}, buffered=True)
    assert (part.status_code, part.data) == (206, public.data[:4])


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
def test_the_name_of_the_scheme_may_be_written_in_any_case(
    closed: FlaskClient, headers: Mapping[str, dict[str, str]], scheme: str
) -> None:
    text = headers["read"]["Authorization"].removeprefix("Bearer ")
    assert closed.get("/v1/stats", headers={"Authorization": f"{scheme} {text}"}).status_code == 200


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer other", None),
        ("Basic clk_a", None),
        ("Bearer CLK_a", None),
        ("Bearer\tclk_a", None),
        ("xBearer clk_a", None),
        ("Bearer clk_", "clk_"),
        ("bEARER  clk_a \t", "clk_a"),
        ("Bearer clk_a,Bearer clk_b", "clk_a,Bearer clk_b"),
        ("Bearer clk_a\nb", "clk_a\nb"),
        ("Bearer clk_a\xa0", "clk_a\xa0"),
    ],
)
def test_a_key_is_all_that_follows_the_scheme(header: str | None, found: str | None) -> None:
    assert api_key_in(header) == found


@pytest.mark.parametrize(
    "path",
    [
        "/v1/contribution%73",
        "//v1/contributions",
        "/v1/./contributions",
        "/v1/contributions/",
        "/v1/contributions?api_key={key}",
        "/v1/releases/first/files/../files/SHA256SUMS",
        "/v1/releases/firs%74/files/SHA256SUMS",
        "/maps/firs%74/data/dataset.parquet",
        "/maps/first/data/dataset.parquet/",
        "/iceberg/v1/namespaces/chatlake/tables/contribution%73",
        "/iceberg/v1/namespaces/chatlake/tables/contributions/",
        "/iceberg/v1//namespaces/chatlake/tables/contributions",
        "/iceberg/v1/namespaces/chatlake/tables/contributions/credentials",
    ],
)
def test_no_other_spelling_of_a_path_leads_around_the_check(
    closed: FlaskClient, headers: Mapping[str, dict[str, str]], path: str
) -> None:
    key = headers["operate"]["Authorization"].removeprefix("Bearer ")
    answer = closed.get(path.format(key=key), buffered=True)
    assert answer.status_code in {308, 401, 404}
    assert len(answer.data) < 500


def test_engines_are_told_in_the_form_of_their_specification(closed: FlaskClient) -> None:
    answer = closed.get("/iceberg/v1/config")
    assert answer.get_json()["error"]["type"] == "NotAuthorizedException"


def test_a_key_is_never_logged(
    closed: FlaskClient, headers: Mapping[str, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for name in (*INVALID, *VALID):
        answer = closed.get("/v1/stats", headers=headers[name])
        assert "clk_" not in answer.text.replace("clk_…", "")
    assert "clk_" not in caplog.text


@pytest.mark.parametrize(
    ("closed_setting", "expected"),
    [
        ("raw_access", {"config": 200, "contributions": 401, "curated": 200, "none": 404}),
        ("stage_access", {"config": 200, "contributions": 200, "curated": 401, "none": 404}),
    ],
)
def test_engines_attach_for_the_tables_that_are_open(
    open_app: Flask, closed_setting: str, expected: Mapping[str, int]
) -> None:
    settings = services_of(open_app).settings
    with opened_app(Settings.at(settings.home, **{closed_setting: "keys"})) as opened:
        client = opened.test_client()
        namespace = "/iceberg/v1/namespaces/chatlake/tables"
        found = {
            name: client.get(
                "/iceberg/v1/config" if name == "config" else f"{namespace}/{name}"
            ).status_code
            for name in expected
        }
        assert found == expected
        assert client.get(f"{namespace}/curated_dropped").status_code == expected["curated"]
        status = 401 if closed_setting == "raw_access" else 200
        assert client.get("/v1/contributions").status_code == status
        assert client.get("/maps/first/data/dataset.parquet", buffered=True).status_code == status
