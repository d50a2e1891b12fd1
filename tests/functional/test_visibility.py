"""What each audience sees by each door of a server, of rows that are hidden and that are young.

The embargo lasts an hour, and the ledger says that the older commits were made two hours ago.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import pytest
import requests
from pyiceberg.catalog.rest import RestCatalog
from sqlalchemy import update

from app.services import Services
from app.state.models import LedgerEntry
from tests.backends import Backend
from tests.factories import UNGUESSABLE, hide, make_submission
from tests.functional.server import REQUEST_TIMEOUT_S, Server
from tests.servers.s3 import READER_KEY_ID, READER_SECRET_KEY

pytestmark = pytest.mark.both

EMBARGO_S: Final = 3600
AUDIENCES: Final = ("public", "read", "moderate")
SEES_YOUNG: Final = ("read", "moderate")


@dataclass
class Lake:
    """A lake with rows of every kind.

    Attributes:
        server: Serves it.
        keys: An API key for each audience but the public.
        ids: The contribution_ids by what they are.
        snapshots: The snapshot_ids by the ids that they added.
    """

    server: Server
    keys: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, str] = field(default_factory=dict)

    def submit(self, name: str, **fields: Any) -> None:
        """Submit a contribution and wait for its commit."""
        answer = self.server.submit(make_submission(name, **fields), wait_s=30)
        assert answer.status_code == HTTPStatus.OK, answer.text
        self.ids[name] = answer.json()["contribution_id"]
        self.snapshots[name] = answer.json()["snapshot_id"]

    def ask(self, audience: str, path: str, **given: Any) -> requests.Response:
        """Return the answer to a request of an audience."""
        key = self.keys.get(audience)
        headers = given.pop("headers", {}) | ({"Authorization": f"Bearer {key}"} if key else {})
        method = "POST" if "json" in given else "GET"
        return requests.request(
            method,
            f"{self.server.url}/v1/{path}",
            headers=headers,
            timeout=REQUEST_TIMEOUT_S,
            **given,
        )

    def catalog(self, audience: str) -> RestCatalog:
        """Attach an engine that was given the key to files on S3 by hand; local ones need none."""
        key = self.keys.get(audience)
        properties = {
            "s3.access-key-id": READER_KEY_ID,
            "s3.secret-access-key": READER_SECRET_KEY,
            **({"token": key} if key else {}),
        }
        return RestCatalog("lake", uri=f"{self.server.url}/iceberg", **properties)

    def names(self, ids: Any) -> set[str]:
        """Return what contributions are."""
        found = list(ids)
        assert len(found) == len(set(found))
        return {name for name, each in self.ids.items() if each in found}


def make_old(services: Services, ago: timedelta = timedelta(hours=2)) -> None:
    """Have the ledger say that what was committed so far was committed earlier."""
    with services.database.write() as connection:
        rows = connection.execute(LedgerEntry.__table__.select()).mappings().all()
        for row in rows:
            names = ("committed_at", "as_of_from")
            moved: dict[str, datetime] = {name: row[name] - ago for name in names}
            connection.execute(
                update(LedgerEntry)
                .where(LedgerEntry.snapshot_id == row["snapshot_id"])
                .values(moved)
            )


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[Lake]:
    """A lake with old and young rows, hidden and not."""
    home = tmp_path_factory.mktemp("visibility") / "home"
    with Server(home, embargo_s=EMBARGO_S, **backend.places()) as server:
        made = Lake(server)
        services = Services(server.lake)
        for role in AUDIENCES[1:]:
            made.keys[role] = services.access.keys.create(role, role, None)
        owner = {"submitter_id": UNGUESSABLE, "ingest_id": "one"}
        for name in ("old", "quarantined", "taken down", "banned"):
            made.submit(name)
        made.submit("first version", **owner)
        made.submit("hidden version", **owner)
        make_old(services)
        made.submit("young")
        made.submit("young and quarantined", submitter_id=UNGUESSABLE)
        hide(services, made.ids["quarantined"])
        hide(services, made.ids["hidden version"])
        hide(services, made.ids["young and quarantined"])
        hide(services, made.ids["banned"], cause="ban")
        hide(services, made.ids["taken down"], cause="takedown")
        services.close()
        yield made


def seen(audience: str, *, every_version: bool = False) -> set[str]:
    """Return what an audience sees."""
    names = {"old"}
    if audience in SEES_YOUNG:
        names |= {"young"}
    if audience == "moderate":
        names |= {"quarantined", "banned", "hidden version", "young and quarantined"}
    return names | ({"first version"} if every_version else set())


Door = Callable[[Lake, str, dict[str, str]], set[str]]


def _json(lake: Lake, audience: str, path: str, parameters: Mapping[str, Any]) -> Any:
    answer = lake.ask(audience, path, params=parameters)
    assert answer.status_code == HTTPStatus.OK, answer.text
    assert "Authorization" in answer.headers["Vary"]
    assert "no-cache" in answer.headers["Cache-Control"]
    return answer.json()


def _page(lake: Lake, audience: str, at: dict[str, str]) -> set[str]:
    ids: list[str] = []
    parameters: dict[str, Any] = {**at, "limit": 1, "versions": "all"}
    while True:
        page = _json(lake, audience, "contributions", parameters)
        ids += [row["contribution_id"] for row in page["contributions"]]
        if not page["next_cursor"]:
            return lake.names(ids)
        parameters = {"limit": 1, "versions": "all", "cursor": page["next_cursor"]}


def _stream(lake: Lake, audience: str, at: dict[str, str]) -> set[str]:
    ndjson = {"Accept": "application/x-ndjson"}
    answer = lake.ask(audience, "contributions", params={**at, "versions": "all"}, headers=ndjson)
    assert answer.status_code == HTTPStatus.OK, answer.text
    return lake.names(json.loads(line)["contribution_id"] for line in answer.text.splitlines())


def _by_id(lake: Lake, audience: str, at: dict[str, str]) -> set[str]:
    found = set()
    for name, contribution_id in lake.ids.items():
        answer = lake.ask(audience, f"contributions/{contribution_id}", params=at)
        assert answer.status_code in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}, answer.text
        versions = lake.ask(audience, f"contributions/{contribution_id}/versions", params=at)
        assert versions.status_code == answer.status_code, versions.text
        if answer.status_code == HTTPStatus.OK:
            found.add(name)
    return found


def _changes(lake: Lake, audience: str, at: dict[str, str]) -> set[str]:
    rows = _json(lake, audience, "changes", at)["contributions"]
    return lake.names(row["contribution_id"] for row in rows)


def _sql(lake: Lake, audience: str, at: dict[str, str]) -> set[str]:
    body = {"query": "SELECT contribution_id FROM all_versions", **at}
    answer = lake.ask(audience, "sql", json=body)
    assert answer.status_code == HTTPStatus.OK, answer.text
    return lake.names(row["contribution_id"] for row in answer.json()["rows"])


def _sql_turns(lake: Lake, audience: str, at: dict[str, str]) -> set[str]:
    query = (
        "SELECT DISTINCT contribution_id FROM turns SEMI JOIN contributions USING (contribution_id)"
    )
    answer = lake.ask(audience, "sql", json={"query": query, **at})
    assert answer.status_code == HTTPStatus.OK, answer.text
    return lake.names(row["contribution_id"] for row in answer.json()["rows"])


def _latest(lake: Lake, audience: str, at: dict[str, str]) -> set[str]:
    rows = _json(lake, audience, "contributions", {**at, "limit": 100})["contributions"]
    return lake.names(row["contribution_id"] for row in rows)


EVERY_VERSION: Final[dict[str, Door]] = {
    "page": _page,
    "stream": _stream,
    "by id": _by_id,
    "changes": _changes,
    "sql": _sql,
}
LATEST: Final[dict[str, Door]] = {"latest": _latest, "turns in sql": _sql_turns}


@pytest.mark.parametrize("audience", AUDIENCES)
def test_rows_that_are_hidden_or_young_are_in_no_door(lake: Lake, audience: str) -> None:
    for name, door in EVERY_VERSION.items():
        assert door(lake, audience, {}) == seen(audience, every_version=True), name
    for name, door in LATEST.items():
        # What a hidden version replaced doesn't come back.
        assert door(lake, audience, {}) == seen(audience), name


@pytest.mark.parametrize("audience", AUDIENCES)
def test_counts_leave_out_what_is_hidden_or_young(lake: Lake, audience: str) -> None:
    count = len(seen(audience, every_version=True))
    every = {"versions": "all"}
    assert _json(lake, audience, "contributions/count", every)["count"] == count
    groups = _json(lake, audience, "stats", {**every, "by": "source"})["groups"]
    assert sum(group["contributions"] for group in groups) == count
    oldest = lake.snapshots["old"]
    newest = lake.snapshots["young and quarantined" if audience in SEES_YOUNG else "hidden version"]
    diff = _json(lake, audience, f"snapshots/{oldest}/diff/{newest}", {})
    assert diff["added"] == count - 1
    assert lake.names(row["contribution_id"] for row in diff["rows"]) == seen(
        audience, every_version=True
    ) - {"old"}


@pytest.mark.parametrize("audience", AUDIENCES)
def test_engines_see_the_same(lake: Lake, audience: str) -> None:
    table = lake.catalog(audience).load_table("chatlake.contributions")
    ids = table.scan(selected_fields=("contribution_id",)).to_arrow()["contribution_id"]
    assert lake.names(ids.to_pylist()) == seen(audience, every_version=True)
    young = {int(lake.snapshots[name]) for name in ("young", "young and quarantined")}
    known = {each.snapshot_id for each in table.metadata.snapshots}
    assert bool(known & young) == (audience in SEES_YOUNG)
    if audience not in SEES_YOUNG:
        assert not any(str(each) in table.metadata.model_dump_json() for each in young)


@pytest.mark.parametrize("audience", AUDIENCES)
def test_a_young_snapshot_is_refused_with_the_time_from_which_it_is_public(
    lake: Lake, audience: str
) -> None:
    old, young = lake.snapshots["old"], lake.snapshots["young"]
    at = {"snapshot_id": young}
    cursor = _json(lake, "read", "contributions", {"limit": 1, **at})["next_cursor"]
    asked = [
        lake.ask(audience, "contributions", params=at),
        lake.ask(audience, "contributions", params=at, headers={"Accept": "text/csv"}),
        lake.ask(audience, "contributions", params={"cursor": cursor}),
        lake.ask(audience, "contributions/count", params=at),
        lake.ask(audience, f"contributions/{lake.ids['old']}", params=at),
        lake.ask(audience, f"contributions/{lake.ids['old']}/versions", params=at),
        lake.ask(audience, "changes", params=at),
        lake.ask(audience, "changes", params={"since": young}),
        lake.ask(audience, "stats", params={"by": "day", **at}),
        lake.ask(audience, "sql", json={"query": "SELECT 1", **at}),
        lake.ask(audience, f"snapshots/{young}"),
        lake.ask(audience, f"snapshots/{old}/diff/{young}"),
        lake.ask(audience, f"snapshots/{young}/diff/{young}"),
        lake.ask(audience, "contributions", params={"as_of": "2999-01-01T00:00:00Z"}),
    ]
    wanted = HTTPStatus.OK if audience in SEES_YOUNG else HTTPStatus.FORBIDDEN
    assert {(each.request.path_url, each.status_code) for each in asked} == {
        (each.request.path_url, wanted) for each in asked
    }
    if audience not in SEES_YOUNG:
        committed = _json(lake, "read", f"snapshots/{young}", {})["committed_at"]
        for each in asked[:-1]:
            public_from = datetime.fromisoformat(each.headers["Chatlake-Public-From"])
            assert public_from - datetime.fromisoformat(committed) == timedelta(seconds=EMBARGO_S)
            assert each.json()["errors"] == {"public_from": [each.headers["Chatlake-Public-From"]]}
            assert EMBARGO_S / 2 < int(each.headers["Retry-After"]) <= EMBARGO_S


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_list_of_snapshots_ends_with_the_newest_public_one(lake: Lake, audience: str) -> None:
    listed = _json(lake, audience, "snapshots", {})["snapshots"]
    ids = {each["snapshot_id"] for each in listed}
    public = {"old", "quarantined", "taken down", "banned", "first version", "hidden version"}
    wanted = public | ({"young", "young and quarantined"} if audience in SEES_YOUNG else set())
    assert ids == {lake.snapshots[name] for name in wanted}


def test_contributors_see_their_own_at_once_and_what_is_hidden_of_it(lake: Lake) -> None:
    headers = {"Authorization": f"Bearer {UNGUESSABLE}"}
    answer = lake.ask("public", "me/contributions", headers=headers)
    assert answer.headers["Cache-Control"] == "private, no-store"
    rows = {row["contribution_id"]: row.get("hidden") for row in answer.json()["contributions"]}
    assert rows == {
        lake.ids["first version"]: None,
        lake.ids["hidden version"]: True,
        lake.ids["young and quarantined"]: True,
    }
    csv = lake.ask(
        "public",
        "me/contributions",
        headers=headers | {"Accept": "text/csv"},
        params={"fields": "source"},
    )
    assert csv.text.splitlines() == ["source,hidden", ",", ",true", ",true"]


@pytest.mark.parametrize("audience", AUDIENCES)
def test_versions_leave_out_the_hidden_one_and_make_no_older_one_current(
    lake: Lake, audience: str
) -> None:
    path = f"contributions/{lake.ids['first version']}/versions"
    versions = _json(lake, audience, path, {})["versions"]
    shown = {lake.ids["first version"]: False, lake.ids["hidden version"]: True}
    if audience != "moderate":
        del shown[lake.ids["hidden version"]]
    assert {each["contribution_id"]: each["is_current"] for each in versions} == shown
