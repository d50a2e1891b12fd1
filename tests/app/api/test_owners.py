"""What belongs to a contributor, for every kind of credentials: their own key, and API keys."""

import json
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.access.contributors.keys import SUBMITTER_HEADER, new_contributor_key
from app.services import Services, services_of
from tests.factories import UNGUESSABLE, make_submission

KEY: Final = new_contributor_key()
NAME: Final = "Zoë 100%"
"""A `submitter_id` of an imported data set: anybody could guess it, and headers can't have it."""
OWN: Final = "/v1/me/contributions"
ROLES: Final = ("ingest", "read", "moderate", "operate")
INVALID: Final = ("expired", "revoked", "wrong secret", "malformed")


class Lake(NamedTuple):
    """A lake with contributions of the same ids, sent with several credentials.

    Attributes:
        client: A client of the service.
        keys: API keys by their role, and some that aren't valid.
        texts: What was sent with each API key under NAME.
        ids: The contribution_ids of that, by text.
    """

    client: FlaskClient
    keys: dict[str, str]
    texts: dict[str, str]
    ids: dict[str, str]


@pytest.fixture(scope="module")
def lake(shared_app: Flask) -> Lake:
    """A lake into which every API key has sent, and two contributors without one."""
    services, client = services_of(shared_app), shared_app.test_client()
    create = services.access.keys.create
    keys = {role: create(f"the-{role}-key", role) for role in ROLES}
    keys["expired"] = create("expired", "operate", datetime.now(UTC) - timedelta(days=1))
    keys["revoked"] = create("revoked", "operate")
    services.access.keys.revoke("revoked")
    keys["wrong secret"] = keys["ingest"][:21] + "0" * 64
    keys["malformed"] = keys["ingest"][:-1]
    texts = {role: f"sent with the role {role}" for role in ROLES}
    for role, text in texts.items():
        send(client, text, bearer(keys[role]), submitter_id=NAME)
        send(client, f"anonymous, {text}", bearer(keys[role]))
    send(client, "by a contributor", bearer(KEY))
    send(client, "under a name", {}, submitter_id=NAME)
    services.jobs.committer().drain()
    rows = client.get("/v1/contributions").get_json()["contributions"]
    ids = {row["conversation"][0]["content"]: row["contribution_id"] for row in rows}
    return Lake(client, keys, texts, ids)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def naming(submitter_id: str) -> dict[str, str]:
    """Return the header that names a contributor of an API key."""
    return {SUBMITTER_HEADER: quote(submitter_id)}


def send(client: FlaskClient, text: str, headers: dict[str, str], **fields: str) -> None:
    answer = client.post("/v1/ingest/chat", json=make_submission(text, **fields), headers=headers)
    assert answer.status_code == 200, answer.text


def listed(client: FlaskClient, headers: dict[str, str]) -> list[str]:
    """Return the texts of an owner's contributions."""
    answer = client.get(OWN, headers=headers)
    assert answer.status_code == 200, answer.text
    return [row["conversation"][0]["content"] for row in answer.get_json()["contributions"]]


def routes(lake: Lake) -> list[tuple[str, str]]:
    """Return the method and path of each route that acts for an owner."""
    anybodys = lake.ids["by a contributor"]
    return [
        *(("GET", OWN), ("DELETE", "/v1/me")),
        *(("DELETE", f"/v1/contributions/{anybodys}"), ("GET", "/v1/takedowns/1")),
    ]


@pytest.mark.slow
def test_each_credential_has_what_was_sent_with_it_and_nothing_else(lake: Lake) -> None:
    for role, text in lake.texts.items():
        own = bearer(lake.keys[role])
        assert listed(lake.client, own | naming(NAME)) == [text]
        # Ids of others mean somebody else in the namespace of this key.
        for other in (KEY, UNGUESSABLE, "ada"):
            assert listed(lake.client, own | naming(other)) == []
    assert listed(lake.client, bearer(KEY)) == ["by a contributor"]


@pytest.mark.parametrize("method_and_path", range(4), ids=["list", "all", "one", "state"])
def test_no_route_of_owners_takes_credentials_that_name_nobody(
    lake: Lake, method_and_path: int
) -> None:
    method, path = routes(lake)[method_and_path]
    named = naming(NAME)
    cases: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        (named, 422),
        ({"Authorization": "Basic YTpi"}, 401),
        ({"Authorization": "Basic YTpi"} | named, 422),
        (bearer("ada"), 403),
        (bearer(KEY) | named, 422),
        (bearer(KEY[:-1]), 422),
    ]
    cases += [(bearer(lake.keys[name]) | named, 401) for name in INVALID]
    if (method, path) != ("GET", "/v1/takedowns/1"):
        cases += [(bearer(lake.keys[role]), 422) for role in ROLES]
    for headers, status in cases:
        answer = lake.client.open(path, method=method, headers=headers)
        assert answer.status_code == status, headers
        if status == 422:
            (place,) = answer.get_json()["errors"]
            assert place in {SUBMITTER_HEADER, "Authorization"}


@pytest.mark.parametrize("wrong", ["", "Zo\xeb", "100%", "%", "%zz", "%ff", "%e", "clc_short"])
def test_a_submitter_that_cannot_be_read_is_refused_by_its_header(lake: Lake, wrong: str) -> None:
    headers = bearer(lake.keys["ingest"]) | {SUBMITTER_HEADER: wrong}
    answer = lake.client.get(OWN, headers=headers)
    assert (answer.status_code, list(answer.get_json()["errors"])) == (422, [SUBMITTER_HEADER])


@pytest.mark.slow
def test_api_keys_withdraw_what_was_sent_with_them(client: FlaskClient, services: Services) -> None:
    mine, others = (
        bearer(services.access.keys.create(name, "ingest")) for name in ("mine", "others")
    )
    for text in ("one", "two", "three"):
        send(client, text, mine, submitter_id=NAME)
    send(client, "by another", mine, submitter_id="ada")
    send(client, "elsewhere", others, submitter_id=NAME)
    services.jobs.committer().drain()
    rows = client.get("/v1/contributions").get_json()["contributions"]
    ids = {row["conversation"][0]["content"]: row["contribution_id"] for row in rows}
    for headers in (others | naming(NAME), mine | naming("ada")):
        answer = client.delete(f"/v1/contributions/{ids['one']}", headers=headers)
        assert answer.status_code == 404
    own = mine | naming(NAME)
    one = client.delete(f"/v1/contributions/{ids['one']}", headers=own)
    assert one.status_code == 202
    assert listed(client, own) == ["two", "three"]
    assert client.delete("/v1/me", headers=own).status_code == 202
    assert services.access.hidden.ids().to_pylist() == sorted(
        ids[text] for text in ("one", "two", "three")
    )
    assert listed(client, mine | naming("ada")) == ["by another"]
    # Who asked is told about it, and nobody else who doesn't moderate.
    path = f"/v1/takedowns/{one.get_json()['takedown_id']}"
    assert client.get(path, headers=own).get_json() == one.get_json()
    for headers in (others | naming(NAME), mine | naming("ada")):
        assert client.get(path, headers=headers).status_code == 404


def test_a_mistyped_contributor_key_is_refused_wherever_it_is_sent(client: FlaskClient) -> None:
    mistyped = KEY[:-1] + ("a" if KEY[-1] != "a" else "b")
    lines = b"\n".join(
        json.dumps(make_submission(text, submitter_id=each)).encode()
        for text, each in (("one", mistyped), ("two", KEY))
    )
    for headers, fields, place in [
        (bearer(mistyped), {}, "Authorization"),
        ({}, {"submitter_id": mistyped}, "submitter_id"),
    ]:
        answer = client.post(
            "/v1/ingest/chat", json=make_submission("text", **fields), headers=headers
        )
        assert (answer.status_code, list(answer.get_json()["errors"])) == (422, [place])
    report = client.post(
        "/v1/ingest/chats", data=lines, content_type="application/x-ndjson"
    ).get_json()
    assert (report["accepted"], report["rejected"]) == (1, 1)
    assert list(report["errors"][0]["errors"]) == ["submitter_id"]
