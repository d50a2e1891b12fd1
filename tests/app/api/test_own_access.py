"""What contributors' own keys open, asked by everybody: each route that concerns contributors."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from flask.testing import FlaskClient

from app.access.contributors.keys import new_contributor_key
from app.services import Services
from tests.factories import commit_batch, make_received, make_submission

KEYS: Final = {name: new_contributor_key() for name in ("owner", "banned", "another")}
ROLES: Final = ("ingest", "read", "moderate", "operate")
DENIED: Final = {
    "nobody": 401,
    "guessable": 403,
    "expired": 401,
    "revoked": 401,
    # An API key owns nothing by itself: the header with the contributor is missing.
    **dict.fromkeys(ROLES, 422),
    **dict.fromkeys(KEYS, 404),
}
OPEN: Final = dict.fromkeys(DENIED, 200) | {"expired": 401, "revoked": 401}
ASKED: Final[tuple[tuple[str, str, Mapping[str, int]], ...]] = (
    ("POST", "/v1/ingest/chat", OPEN | {"banned": 403}),
    ("GET", "/me", OPEN | {"guessable": 403}),
    # A ban takes away nothing else: who is banned sees and withdraws what is theirs.
    ("GET", "/v1/me/contributions", DENIED | dict.fromkeys(KEYS, 200)),
    ("GET", "/me/download/csv", DENIED | dict.fromkeys(KEYS, 200)),
    ("DELETE", "/v1/contributions/{owner}", DENIED | {"owner": 202}),
    ("POST", "/conversations/{owner}/withdraw", DENIED | {"owner": 202}),
    ("DELETE", "/v1/contributions/{banned}", DENIED | {"banned": 202}),
    ("GET", "/v1/takedowns/1", DENIED | {"owner": 200, "moderate": 200, "operate": 200}),
    ("DELETE", "/v1/me", DENIED | dict.fromkeys(KEYS, 202)),
    ("POST", "/me/withdraw", DENIED | dict.fromkeys(KEYS, 202)),
)
"""The status of each route for everybody, in the order in which they are asked."""


@pytest.fixture
def headers(services: Services) -> Mapping[str, dict[str, str]]:
    """The headers of everybody."""
    keys = services.access.keys
    texts = KEYS | {role: keys.create(role, role) for role in ROLES} | {"guessable": "anonymous"}
    texts["expired"] = keys.create("expired", "operate", datetime.now(UTC) - timedelta(days=1))
    texts["revoked"] = keys.create("revoked", "operate")
    keys.revoke("revoked")
    sent = {name: {"Authorization": f"Bearer {text}"} for name, text in texts.items()}
    return {**sent, "nobody": {}}


@pytest.fixture
def ids(services: Services) -> Mapping[str, str]:
    """The contribution of the owner, and that of who was banned then, by their names."""
    owners = {name: services.access.ids.contributor_id(KEYS[name]) for name in ("owner", "banned")}
    made = {name: make_received(0, contributor_id=owner) for name, owner in owners.items()}
    commit_batch(services, *made.values())
    services.access.bans.ban([owners["banned"]], actor="a test", reason=None)
    return {name: each.contribution_id for name, each in made.items()}


@pytest.mark.slow
def test_only_their_own_keys_open_what_is_contributors_own(
    client: FlaskClient, headers: Mapping[str, dict[str, str]], ids: Mapping[str, str]
) -> None:
    for method, rule, expected in ASKED:
        found = {}
        for name in expected:
            # Each sends another text.
            body = make_submission(name) if rule == "/v1/ingest/chat" else None
            found[name] = client.open(
                rule.format(**ids), method=method, headers=headers[name], json=body, buffered=True
            )
        statuses = {name: answer.status_code for name, answer in found.items()}
        assert statuses == expected, (method, rule)
